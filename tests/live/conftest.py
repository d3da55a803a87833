"""Clients that follow streams, on a site that is served in processes of its own."""

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from rest_framework_simplejwt.tokens import AccessToken

from tests.server import Server
from users.models import User


@dataclass
class Event:
    id: str = ""
    event: str = ""
    data: Any = None


@dataclass
class Following:
    """One client of a stream, as plain as can be."""

    server: Server
    path: str
    user: User | None = None
    last: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    within: float = 20.0

    def __post_init__(self) -> None:
        sent = {"Accept": "text/event-stream, */*"} | self.headers
        if self.user is not None:
            sent["Authorization"] = f"Bearer {AccessToken.for_user(self.user)}"
        if self.last:
            sent["Last-Event-ID"] = self.last
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", self.server.port, timeout=self.within
        )
        self.connection.request("GET", self.path, headers=sent)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.comments = 0

    def problem(self) -> dict[str, Any]:
        assert self.response.headers["Content-Type"] == "application/problem+json"
        body: dict[str, Any] = json.loads(self.response.read())
        return body

    def next(self) -> Event | None:
        """The next event, None when the stream has ended; fails when neither comes in time."""
        event = Event()
        for line in self.response:
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "data":
                event.data = json.loads(value)
            elif name in ("id", "event"):
                setattr(event, name, value)
            elif line.startswith(b":"):
                self.comments += 1
            elif not name and event.event:
                return event
        return None

    def until(self, name: str) -> list[Event]:
        """Every event up to the next of this name."""
        events = []
        while (event := self.next()) is not None:
            events.append(event)
            if event.event == name:
                return events
        raise AssertionError(f"ended without {name}: {events}")

    def rest(self) -> list[Event]:
        """What comes until the stream ends."""
        return list(iter(self.next, None))

    def close(self) -> None:
        self.response.close()
        self.connection.close()


@pytest.fixture
def follow() -> Iterator[Callable[..., Following]]:
    """Opens streams, and closes them after the test."""
    opened: list[Following] = []

    def start(*args: Any, **kwargs: Any) -> Following:
        opened.append(Following(*args, **kwargs))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def servers(committed_db: None) -> Iterator[Callable[..., Server]]:
    """Starts servers, and stops them after the test."""
    started: list[Server] = []

    def start(**environment: Any) -> Server:
        started.append(Server(**environment))
        return started[-1].answers()

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def _shared(django_db_setup: None, django_db_blocker: Any) -> Iterator[Server]:
    with django_db_blocker.unblock():
        server = Server().answers()
    yield server
    server.stop()


@pytest.fixture
def server(committed_db: None, _shared: Server) -> Server:
    """One server for all the tests of a file."""
    return _shared
