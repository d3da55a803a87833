"""A sandbox of one's own: a real process on a free port, with the clients that talk to it."""

import json
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stripe

from devstack.state import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
KEY = "sk_test_tests"
ONE_HOLD = {
    "amount": 1600,
    "currency": "usd",
    "capture_method": "manual",
    "confirm": True,
    "off_session": True,
    "payment_method": "pm_card_visa",
}


class RunningSandbox:
    """Starts at once; `url` is where it listens."""

    def __init__(self, state: Path, port: int | None = None) -> None:
        self.state = state
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = launch(self.port, state)
        eventually(self._is_up)

    def _is_up(self) -> bool:
        assert self.process.poll() is None, "the sandbox ended instead of starting"
        try:
            return self.raw("GET", "/healthz")[0] == 200
        except urllib.error.URLError:
            return False

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> int:
        """Ends the process and returns its exit code."""
        self.process.send_signal(with_signal)
        self.process.communicate(timeout=30)
        return self.process.returncode

    @contextmanager
    def client(self, timeout: float = 10, key: str = KEY) -> Iterator[stripe.StripeClient]:
        """Stripe's library as a worker would set it up: no retries of its own."""
        http = stripe.RequestsClient(timeout=timeout)
        try:
            yield stripe.StripeClient(
                key, base_addresses={"api": self.url}, http_client=http, max_network_retries=0
            )
        finally:
            http.close()

    def raw(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and decoded body of one request without the library."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {**(headers or {}), "Connection": "close"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status, dict(reply.headers), _decoded(reply)
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.status, dict(refused.headers), _decoded(refused)

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The answer of one of the sandbox's own endpoints, which must be 200."""
        status, _, answer = self.raw(method, f"/_sandbox/{path}", body)
        assert status == 200, answer
        return answer

    def get(self, path: str) -> Any:
        """A Stripe object as it is on the wire."""
        status, _, answer = self.raw("GET", path, headers={"Authorization": f"Bearer {KEY}"})
        assert status == 200, answer
        return answer

    def fault(self, kind: str, **more: Any) -> None:
        self.control("POST", "faults", {"kind": kind, **more})

    def settings(self, **wanted: Any) -> None:
        self.control("PUT", "settings", wanted)

    def holds_of(self, order: str) -> list[dict[str, Any]]:
        """The PaymentIntents made for an order."""
        found: list[dict[str, Any]] = self.control("GET", "holds")["data"]
        return [hold for hold in found if hold["order_id"] == order]


def launch(port: int, state: Path) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", "devstack.stripe_sandbox", "--port", str(port)]
    return subprocess.Popen(
        [*argv, "--state", str(state)], cwd=CHECKOUT, text=True, stderr=subprocess.PIPE
    )


def eventually(holds: Callable[[], object], within: float = 30) -> None:
    """Awaits a condition."""
    deadline = time.monotonic() + within
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def _decoded(reply: Any) -> Any:
    text = reply.read().decode()
    return json.loads(text) if "json" in reply.headers.get("Content-Type", "") else text
