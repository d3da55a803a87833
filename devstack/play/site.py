"""One person's device: it signs in, and insists on an answer under the same key."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

import requests

TIMEOUTS = (3.0, 15.0)  # seconds to connect, to be answered
PATIENCE = 45.0  # seconds after which a person gives up on an answer
PAUSE = 0.3  # seconds between two tries
#: Your first try is still being answered: the same key again.
IN_USE = "idempotency_key_in_use"

_of_this_thread = threading.local()


@dataclass(frozen=True)
class No:
    """What the site did not do, and why not; status 0: it said nothing for too long."""

    status: int
    said: str


@dataclass
class Person:
    """Somebody at the site. `stop` ends every wait."""

    site: str
    username: str
    password: str
    stop: threading.Event
    patience: float = PATIENCE
    _headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> dict[str, Any] | No:
        """The answer to a request, however often it has to be made."""
        for _ in range(2):
            if not self._headers and isinstance(no := self._sign_in(), No):
                return no
            headers = self._headers | ({"Idempotency-Key": key} if key else {})
            answer = self._insist(method, path, body, headers)
            if not (isinstance(answer, No) and answer.status == 401):
                break
            self._headers = {}  # What they signed in with has run out.
        return answer

    def _sign_in(self) -> No | None:
        card = {"username": self.username, "password": self.password}
        signed_in = self._insist("POST", "/api/token", card, {})
        if isinstance(signed_in, No):
            return signed_in
        self._headers = {"Authorization": f"Bearer {signed_in['access']}"}
        return None

    def _insist(
        self, method: str, path: str, body: dict[str, Any] | None, headers: dict[str, str]
    ) -> dict[str, Any] | No:
        deadline = time.monotonic() + self.patience
        url = f"{self.site}{path}"
        while True:
            try:
                reply = _session().request(
                    method, url, json=body, headers=headers, timeout=TIMEOUTS
                )
                if reply.ok:
                    answer: dict[str, Any] = reply.json()
                    return answer
                said = f"{method} {path}: {reply.status_code} {reply.text[:200]}"
                no = No(reply.status_code, said)
            except requests.RequestException as error:
                no = No(0, f"{method} {path}: {error!r}")
            again = no.status in (0, 503) or (no.status == 409 and IN_USE in no.said)
            if not again or time.monotonic() > deadline or self.stop.wait(PAUSE):
                return no


def _session() -> requests.Session:
    """Connections are kept for the next request, and not shared between threads."""
    if not hasattr(_of_this_thread, "session"):
        _of_this_thread.session = requests.Session()
    session: requests.Session = _of_this_thread.session
    return session
