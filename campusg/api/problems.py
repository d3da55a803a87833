"""Each type of problem: its code, its status, what it means and what to do about it.

Read from the error classes themselves, so that no error is without its page.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import getdoc
from typing import TypeVar

from rest_framework.exceptions import APIException, ValidationError

from campusg.api.errors import title_of
from campusg.errors import CampusGError

T = TypeVar("T")
_CHANGE = "Change what the problem names, then send it as a new request with a new Idempotency-Key."
_SIGN_IN = "Get a new token with your username and password, or sign in again."
#: By status, as that is what decides whether asking again can help.
_REMEDIES = {
    400: _CHANGE,
    401: _SIGN_IN,
    402: "Pay with another card, or ask the card's bank.",
    403: "Sign in with an account that has the role for this.",
    404: "Check the address and the id; what is not yours to see is answered like this as well.",
    405: "Use a method that the Allow header names.",
    406: "Ask for application/json.",
    409: "Look again at how things stand, then decide anew; the same request may never succeed.",
    412: "Get it again, look at what changed, and send the new ETag.",
    413: "Send less at once.",
    415: "Send JSON, as application/json.",
    422: _CHANGE,
    429: "Wait as long as Retry-After says, then ask again.",
    500: "Tell the operators the request_id; asking again will not help before they have looked.",
    503: "Wait as long as Retry-After says, then send the same request with the same key.",
}


@dataclass(frozen=True)
class Kind:
    """One type of problem; `passes` if waiting is all it takes."""

    code: str
    status: int
    meaning: str
    passes: bool = False

    @property
    def title(self) -> str:
        """As in each occurrence."""
        return title_of(self.code)

    @property
    def remedy(self) -> str:
        """What to do next."""
        return _REMEDIES[503 if self.passes else self.status]


#: What no class stands for: told by `campusg.api.errors`, or by REST framework and simplejwt.
_OTHERS = (
    Kind("validation_failed", 422, "The body or the query says something that can't be meant."),
    Kind("bad_request", 400, "The request is malformed."),
    Kind("method_not_allowed", 405, "This cannot be done with that."),
    Kind("unsupported_media_type", 415, "The body is in no format that we read."),
    Kind("too_large", 413, "The body is too large."),
    Kind("internal_error", 500, "Something went wrong on our side."),
    Kind("no_active_account", 401, "No account that is switched on has these credentials."),
    Kind("user_inactive", 401, "The token's account is switched off."),
    Kind("user_not_found", 401, "The token's account is gone."),
    Kind("bad_authorization_header", 401, "Authorization is `Bearer`, a space, and a token."),
)


def kinds() -> dict[str, Kind]:
    """Every type of problem by its code, in the order of the alphabet."""
    ours = (
        Kind(error.code, error.status, getdoc(error) or "", hasattr(error, "retry_after"))
        for error in _heirs(CampusGError)
        if "code" in vars(error)
    )
    frameworks = (
        Kind(error.default_code, error.status_code, str(error.default_detail))
        for error in _heirs(APIException)
        if not issubclass(error, ValidationError) and error.status_code in _REMEDIES
    )
    # Where two explain the same code, ours is the one that is told.
    every = {kind.code: kind for each in (frameworks, _OTHERS, ours) for kind in each}
    return dict(sorted(every.items()))


def _heirs(base: type[T]) -> Iterator[type[T]]:
    for heir in base.__subclasses__():
        yield heir
        yield from _heirs(heir)
