"""The ASGI application: every request is Django's to answer, and a live answer then stays open."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from django.conf import settings
from django.db import close_old_connections

from campusg.api.live import PLACE, LiveResponse
from campusg.live.bridge import Answer, Django, Environ, Receive, body_of, environ_of
from campusg.live.hub import Follower, Hub
from campusg.live.listening import listen
from campusg.live.places import OnePlace, Places

Send = Callable[[dict[str, Any]], Awaitable[None]]
#: What threads read for all streams together; each keeps one database connection.
READERS = 2
#: A client that has taken nothing for so long is gone, or as good as.
SEND_SECONDS = 20.0
#: Milliseconds until clients of a stream that broke off come back: not all at once.
COME_BACK = (500, 3000)
CHANNELS = ("order", "run")


class Site:
    """One process: Django in threads, all streams on the event loop."""

    def __init__(self) -> None:
        self._django = Django(settings.WEB_THREADS)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="reader")
        self._hub = Hub(self._ask)
        self._places = Places()
        self._background: list[asyncio.Task[None]] = []

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """ASGI 3. Neither websockets nor anything else is spoken here."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        """From the server's start to its end."""
        await receive()
        _on_sigterm(self._hub.everybody_out)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        for task in self._background:
            task.cancel()
        self._django.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body = await body_of(receive)
        if body is None:
            return
        place = OnePlace(self._places)
        environ = environ_of(scope, body) | {PLACE: place}
        try:
            # Asked again later with the same headers, so Django gets a copy to write into.
            answer = await self._django.answer(dict(environ))
            goes_on = isinstance(answer.response, LiveResponse) and scope["method"] == "GET"
            if goes_on and not answer.response.reading.ended:
                await self._follow(answer, environ, receive, send)
            else:
                await _whole(answer, send)
        finally:
            place.leave()

    async def _follow(self, answer: Answer, environ: Environ, receive: Receive, send: Send) -> None:
        """Keep the answer open until its story or its client ends, or it may no longer be told."""
        response: Any = answer.response
        follower = Follower(response.topic, response.reading.cursor)
        self._start()
        self._hub.join(follower)
        gone = asyncio.ensure_future(_until_gone(receive, follower))
        try:
            headers = [(n, v) for n, v in answer.headers if n != b"content-length"]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            opening = f"retry: {random.randint(*COME_BACK)}\n\n".encode()
            await self._tell(follower, opening + response.reading.wire(), environ, send)
        finally:
            gone.cancel()
            self._hub.leave(follower)

    async def _tell(self, follower: Follower, chunk: bytes, environ: Environ, send: Send) -> None:
        loop = asyncio.get_running_loop()
        check_at = loop.time() + _recheck()
        while chunk:
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except TimeoutError:
                return
            if loop.time() >= check_at:
                if not await self._still_may(environ):
                    break
                check_at = loop.time() + _recheck()
            within = min(settings.STREAM_HEARTBEAT_SECONDS, check_at - loop.time())
            chunk = await follower.next(max(within, 0))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _still_may(self, environ: Environ) -> bool:
        """Ask the view once more. Trouble on our side is no reason to send anybody away."""
        answer = await self._django.answer(dict(environ))
        return answer.status < 400 or answer.status >= 500

    def _start(self) -> None:
        """With the first stream: a process that has none listens to nothing."""
        if not self._background:
            self._background = [
                asyncio.ensure_future(listen(CHANNELS, self._hub.hint, self._hub.poll_soon)),
                asyncio.ensure_future(self._hub.polling()),
            ]

    async def _ask(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        call = partial(_with_a_good_connection, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._readers, call)


def _with_a_good_connection(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    close_old_connections()
    try:
        return function(*args, **kwargs)
    finally:
        close_old_connections()


async def _whole(answer: Answer, send: Send) -> None:
    start = {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})


async def _until_gone(receive: Receive, follower: Follower) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.leave()


def _recheck() -> float:
    """Seconds until a stream is checked again; those that began together drift apart."""
    return settings.STREAM_RECHECK_SECONDS * random.uniform(0.75, 1.0)


def _on_sigterm(act: Callable[[], None]) -> None:
    """Before the server's own handler, which would wait for every stream to end by itself."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        server: Any = signal.getsignal(number)

        def handle(number: int, frame: Any, server: Any = server) -> None:
            loop.call_soon_threadsafe(act)
            server(number, frame)

        if callable(server):
            signal.signal(number, handle)
