"""Every error is a fact about the world: *refused* (never retry) or *unavailable* (retry)."""

from typing import ClassVar


class CampusGError(Exception):
    """The base. `code` is for machines and never changes; the message is for people."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    field: str | None = None

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class Refused(CampusGError):
    """The answer is no, and asking again gives the same answer."""

    code = "refused"
    status = 422


class Conflict(Refused):
    """No, because something else stands in the way right now (HTTP 409)."""

    code = "conflict"
    status = 409


class Unavailable(CampusGError):
    """No answer yet; ask again later."""

    code = "unavailable"
    status = 503
