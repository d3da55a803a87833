"""One finding: how serious, about what, what was seen, and what to do about it."""

import enum
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


class Grade(enum.IntEnum):
    """FAIL: money or orders suffer now. WARN: they would, should something else fail too."""

    OK = 0
    WARN = 1
    FAIL = 2


@dataclass(frozen=True)
class Line:
    """`remedy` is empty when all is well."""

    grade: Grade
    about: str
    seen: str
    remedy: str = ""


Check = Callable[[], Iterable[Line]]


def ok(about: str, seen: str) -> Line:
    """All is well."""
    return Line(Grade.OK, about, seen)


def warn(about: str, seen: str, remedy: str) -> Line:
    """Not urgent, but not as it should be."""
    return Line(Grade.WARN, about, seen, remedy)


def fail(about: str, seen: str, remedy: str) -> Line:
    """Something is wrong now."""
    return Line(Grade.FAIL, about, seen, remedy)


def graded(about: str, value: float, seen: str, remedy: str, *, warn_at: float, fail_at: float
           ) -> Line:  # fmt: skip
    """FAIL from `fail_at` on, WARN from `warn_at` on."""
    if value >= fail_at:
        return fail(about, seen, remedy)
    return warn(about, seen, remedy) if value >= warn_at else ok(about, seen)


def examine(checks: Iterable[tuple[str, Check]]) -> Iterator[Line]:
    """Every check's lines; one that breaks is a finding itself, and hides no other."""
    for about, check in checks:
        begun = time.monotonic()
        try:
            yield from check()
        except Exception as error:
            words = str(error).strip().splitlines()
            seen = f"{type(error).__name__}: {words[0] if words else 'no more is known'}"
            took = (
                f" after {time.monotonic() - begun:.0f} s" if time.monotonic() - begun > 2 else ""
            )
            yield fail(about, seen + took, "This could not be looked at: mend it first.")
