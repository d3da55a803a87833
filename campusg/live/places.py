"""How many streams one process keeps open, in all and for each account."""

import threading
from collections import Counter
from typing import ClassVar

from django.conf import settings

from campusg.errors import Refused, Unavailable


class TooManyStreams(Refused):
    """This account follows enough at once."""

    code = "too_many_streams"
    status = 429
    retry_after: ClassVar[int] = 15


class NoPlaceLeft(Unavailable):
    """This process keeps as many streams open as it may; another one may have room."""

    code = "no_place_left"
    retry_after: ClassVar[int] = 5


class Places:
    """The places of one process. Taken by threads that answer requests, left on the event loop."""

    def __init__(self) -> None:
        self._of: Counter[str] = Counter()
        self._mutex = threading.Lock()

    @property
    def taken(self) -> int:
        """How many streams are open."""
        return self._of.total()

    def take(self, account: str) -> None:
        """Raises TooManyStreams or NoPlaceLeft."""
        with self._mutex:
            if self._of[account] >= settings.STREAMS_PER_ACCOUNT:
                raise TooManyStreams("You follow too much at once; close a stream, then try again.")
            if self._of.total() >= settings.STREAMS_PER_PROCESS:
                raise NoPlaceLeft("No more streams can be kept open just now; try again.")
            self._of[account] += 1

    def leave(self, account: str) -> None:
        """Make room."""
        with self._mutex:
            self._of[account] -= 1
            if not self._of[account]:
                del self._of[account]


class OnePlace:
    """The place of one request, taken by its view at most once."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._account: str | None = None

    @property
    def taken(self) -> bool:
        """Whether the view has let this request follow something."""
        return self._account is not None

    def take(self, account: str) -> bool:
        """As `campusg.api.live.Place` says."""
        if self.taken:
            return False
        self._places.take(account)
        self._account = account
        return True

    def leave(self) -> None:
        """Give the place back, if it was taken."""
        if self._account is not None:
            self._places.leave(self._account)
            self._account = None
