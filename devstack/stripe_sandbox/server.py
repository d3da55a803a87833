"""HTTP/1.1 around the sandbox: one thread per connection, kept alive."""

import socket
import struct
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from devstack.stripe_sandbox.exchange import HangUp, Reply, Request
from devstack.stripe_sandbox.sandbox import Sandbox

_MAX_BODY = 1 << 20
# SO_LINGER with a time of zero makes close() send a reset, which is what a lost reply looks like.
_RESET = struct.pack("ii", 1, 0)


class Server(ThreadingTCPServer):
    """Listens on one address; the sandbox answers.

    Not http.server's own ThreadingHTTPServer, which looks up its name and may wait for that.
    """

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    # The default backlog of 5 refuses connections as soon as a worker pool opens its own at once.
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that leaves in the middle is no news, nor is a request cut off by our own stop.
        if not (self.sandbox.stopping.is_set() or isinstance(sys.exc_info()[1], OSError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave in one packet

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_DELETE = do_GET

    def _serve(self) -> None:
        url = urlsplit(self.path)
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _MAX_BODY or "Transfer-Encoding" in self.headers:
            self.send_error(413, "A body of at most 1 MiB with a Content-Length is wanted")
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            # Who sent it died in the midst. Half a request is none: its key stays free.
            self.close_connection = True
            return
        request = Request(
            method=self.command,
            path=unquote(url.path),
            query=url.query,
            body=body,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        try:
            self._send(cast(Server, self.server).sandbox.answer(request))
        except HangUp:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.connection.close()

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Says nothing per request; /_sandbox/totals counts them."""
