"""Django behind ASGI: the WSGI application answers each request, in a bounded set of threads.

Django's own ASGI handler gives every request a thread and a database connection of its own, for as
long as it lasts; a stream would keep both. https://docs.djangoproject.com/en/5.2/ref/databases/
"""

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings

from campusg.wsgi import application as django

Environ = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Header = tuple[bytes, bytes]


class Answer:
    """What Django answered: its status and headers, the body, and the response itself."""

    def __init__(self, status: int, headers: list[Header], response: Any) -> None:
        self.status, self.headers, self.response = status, headers, response
        self.body = b"".join(response)


class Django:
    """Asked from the event loop, answering in threads whose database connections are kept."""

    def __init__(self, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="web")

    async def answer(self, environ: Environ) -> Answer:
        """The answer to a request, as gunicorn would have got it."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, _answer, environ)

    def close(self) -> None:
        """Wait for those at work."""
        self._pool.shutdown()


def environ_of(scope: dict[str, Any], body: bytes) -> Environ:
    """An ASGI scope as a WSGI environment (PEP 3333).

    Headers with an underscore in their name are dropped, as gunicorn does: in the environment they
    would pass for those with a hyphen, and `X_Forwarded_Proto` for what only the proxy may say.
    """
    server, client = scope.get("server") or ("", 0), scope.get("client") or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in _headers(scope["headers"]):
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        joint = "; " if key == "HTTP_COOKIE" else ","
        environ[key] = f"{environ[key]}{joint}{value}" if key in environ else value
    # What came in chunks has no length of its own.
    environ.setdefault("CONTENT_LENGTH", str(len(body)))
    return environ


async def body_of(receive: Receive) -> bytes | None:
    """The body, as far as Django would read it: longer ones it refuses. None: the client left."""
    body, most = bytearray(), settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")[: most - len(body)]
        if not message.get("more_body"):
            return bytes(body)


def _headers(raw: Iterable[Header]) -> Iterable[tuple[str, str]]:
    return ((n.decode("latin-1"), v.decode("latin-1")) for n, v in raw if b"_" not in n)


def _answer(environ: Environ) -> Answer:
    headers: list[Header] = []

    def start_response(_status: str, told: list[tuple[str, str]], _: Any = None) -> Any:
        headers.extend((n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in told)

    response: Any = django(environ, start_response)
    try:
        return Answer(response.status_code, headers, response)
    finally:
        response.close()
