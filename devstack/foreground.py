"""A command that runs until it is told to stop, and then cleans up undisturbed."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class _Stopped(BaseException):
    """Somebody asked us to stop."""


@contextmanager
def until_told_to_stop() -> Iterator[None]:
    """Leave the block at Ctrl-C, SIGTERM or the terminal's end; later ones are ignored."""
    endings = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def leave(number: int, frame: FrameType | None) -> None:
        for each in endings:
            signal.signal(each, signal.SIG_IGN)
        raise _Stopped

    before = [signal.signal(each, leave) for each in endings]
    try:
        yield
    except _Stopped:
        pass
    finally:
        for each, handler in zip(endings, before, strict=True):
            signal.signal(each, handler)
