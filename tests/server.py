"""The site under an ASGI server of its own."""

import os
import subprocess
import sys

import requests

from devstack.state import free_port
from devstack.up import web
from tests.conftest import ROOT, eventually, test_database_url

#: Short, so that a story that waits for them is short; polling too rare to help where hints should.
PATIENCE = {
    "DJANGO_SETTINGS_MODULE": "campusg.settings.test",
    "STREAM_HEARTBEAT_SECONDS": "0.2",
    "STREAM_RECHECK_SECONDS": "0.4",
    "STREAM_POLL_SECONDS": "60",
}


class Server:
    """The site as an operator starts it, in processes of its own."""

    def __init__(self, port: int | None = None, **environment: str) -> None:
        self.port = port or free_port()
        self.log = ROOT / ".campusg" / "test" / f"web-{self.port}.log"
        env = os.environ | {"DATABASE_URL": test_database_url()} | PATIENCE | environment
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *web("127.0.0.1", self.port, workers=1)],
                cwd=ROOT, env=env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def answers(self) -> "Server":
        """Itself, once it takes requests."""
        eventually(lambda: self._asked() or self._dead(), every=0.05)
        return self

    def stop(self, within: float = 30) -> None:
        """SIGTERM, as a deployment does; fails when it takes longer."""
        self.process.terminate()
        try:
            self.process.wait(within)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.unlink(missing_ok=True)

    def _asked(self) -> bool:
        try:
            return requests.get(f"{self.url}/healthz", timeout=5).ok
        except requests.RequestException:
            return False

    def _dead(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return False
