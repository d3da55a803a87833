"""An endpoint of one's own: keeps what it is sent, and answers as it is told."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import stripe

from tests.stripe_sandbox.running import RunningSandbox, eventually


@dataclass(frozen=True)
class Letter:
    """One request that arrived."""

    body: bytes
    signature: str

    @property
    def event(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Listens on a free port until `stop`; `answer` decides the status of each request."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []
        self.answer: Callable[[Letter], int] = lambda letter: 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                letter = Letter(body, self.headers["Stripe-Signature"])
                receiver.letters.append(letter)
                self.send_response(receiver.answer(letter))
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook?a=1"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def register(self, client: stripe.StripeClient, *types: str, **more: Any) -> Any:
        """Makes itself an endpoint, of all events unless some are named."""
        wanted = {"url": self.url, "enabled_events": list(types) or ["*"], **more}
        return client.v1.webhook_endpoints.create(wanted)

    def types(self) -> list[str]:
        return [letter.event["type"] for letter in self.letters]

    def has(self, count: int) -> None:
        """Waits for so many letters."""
        eventually(lambda: len(self.letters) >= count)


def settled(sandbox: RunningSandbox) -> dict[str, int]:
    """How many deliveries came to what, when nothing is on its way any more."""
    found: dict[str, int] = {}

    def quiet() -> bool:
        found.clear()
        found.update(sandbox.control("GET", "totals")["deliveries"])
        return not found.get("sending")

    eventually(quiet)
    return found
