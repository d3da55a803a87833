"""What an answer of Stripe's says about the call, and what the lack of one does."""

import dataclasses
import enum
import functools
import logging
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import stripe
from django.conf import settings
from django.db import connection

from payments.gateway.line import Line, NotSent

log = logging.getLogger(__name__)

#: As the books look for one (I30).
_CARD_NUMBER = re.compile(r"\b[2-6](?:[ -]?\d){12,18}\b")


class Outcome(enum.Enum):
    """What a reply says about the call. UNKNOWN: it may or may not have happened. WAITING: it
    happens when the card's owner confirms it."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_RUN = "not_run"
    WAITING = "waiting"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Reply:
    """One answer of Stripe's, reduced to what decides anything; amounts in minor units."""

    outcome: Outcome
    object_id: str = ""
    capture_before: datetime | None = None
    charge: str = ""
    stripe_fee: int = 0
    code: str = ""
    message: str = ""
    request_id: str = ""
    #: The same key would only repeat this answer: from now on only reading can tell more.
    read_only: bool = False
    #: Declined, but its owner may still confirm the same intent, with this card or another.
    may_be_confirmed: bool = False

    def __post_init__(self) -> None:
        # The message is kept, and Stripe names card numbers: which test card fills the balance.
        masked = _CARD_NUMBER.sub("[card number]", self.message)
        object.__setattr__(self, "message", masked)


#: A capture or void that was looked into by reading and has not happened. Asking for it again,
#: under a new key, can do no harm: an intent is captured once, and a cancelled one stays so.
HOLD_STANDS = "hold_stands"
#: A void that found the hold gone by itself.
HOLD_LAPSED = "hold_lapsed"
#: Stripe lists nothing that the operation could have made.
ABSENT = "not_found"

#: 4xx codes that mean: understood, and definitely not done. Any other goes to a person, because
#: Stripe's list of codes is not complete (`insufficient_capabilities_for_transfer` is missing).
#: https://docs.stripe.com/error-codes
NOT_DONE = frozenset(
    {
        "account_closed", "account_invalid", "amount_too_large", "amount_too_small",
        "balance_insufficient", "capture_charge_authorization_expired",
        "charge_already_captured", "charge_already_refunded", "charge_disputed",
        "charge_expired_for_capture", "customer_tax_location_invalid",
        "insufficient_capabilities_for_transfer", "no_account", "parameter_invalid_empty",
        "parameter_invalid_integer", "parameter_invalid_string_empty", "parameter_missing",
        "parameter_unknown", "payment_intent_invalid_parameter",
        "payment_intent_unexpected_state", "payment_method_unactivated",
        "refund_disputed_payment", "resource_missing", "transfers_not_allowed",
    }
)  # fmt: skip
#: Of those, what two who do the same at once may well be told; the others mean that we, or an
#: account, are wrong somewhere, which people should hear of.
_EXPECTED = frozenset(
    {"charge_already_captured", "charge_already_refunded", "payment_intent_unexpected_state"}
)


@functools.cache
def client() -> stripe.StripeClient:
    """One client a process. It never retries by itself: the operation row is the retry."""
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=Line(timeout=settings.STRIPE_TIMEOUT_SECONDS),
        max_network_retries=0,
    )


def ask(call: Callable[[], Any], understand: Callable[[Any], Reply]) -> Reply:
    """Make the call; sort what comes back as Stripe's error tables say.

    https://docs.stripe.com/error-low-level: a timeout, a broken connection, 409, 429 and 5xx
    say nothing about whether it happened; a 402 and a known 4xx say that it did not.
    """
    refuse_in_transaction()
    try:
        answer = call()
    except stripe.StripeError as error:
        return _failed(error, _outcome(error))
    if answer is None:
        return Reply(Outcome.UNKNOWN, code=ABSENT, message="Stripe lists no such object.")
    return _understood(answer, understand)


def look(read: Callable[[], Any], understand: Callable[[Any], Reply]) -> Reply:
    """As `ask`, but an error while reading says nothing about what was to be read."""
    reply = ask(read, understand)
    if reply.object_id or reply.outcome is not Outcome.FAILED:
        return reply
    return dataclasses.replace(reply, outcome=Outcome.UNKNOWN)


def made_by(operation_id: str, objects: Iterable[Any]) -> Any:
    """The one of the objects that an operation made, by its metadata; None when there is none."""
    return next(
        (one for one in objects if getattr(one.metadata, "operation_id", "") == operation_id), None
    )


def refuse_in_transaction() -> None:
    """Raise RuntimeError when a transaction is open."""
    if connection.in_atomic_block:
        raise RuntimeError("a call to Stripe inside a transaction would hold its locks for seconds")


def _outcome(error: stripe.StripeError) -> Outcome:
    """What an error says about the call; `Stripe-Should-Retry` counts for more than its status.

    https://docs.stripe.com/error-low-level#stripe-should-retry-header
    """
    status = error.http_status
    if isinstance(error, NotSent):
        return Outcome.NOT_RUN
    if status is None or status >= 500:
        return Outcome.UNKNOWN
    if status in (401, 409, 429) or _should_retry(error):
        return Outcome.NOT_RUN
    if isinstance(error, stripe.CardError):
        return Outcome.FAILED
    code = _code(error)
    if code not in NOT_DONE:
        return Outcome.OPERATOR
    if code not in _EXPECTED:
        log.error("Stripe refused %s: %s (%s)", error.request_id, code, error)
    return Outcome.FAILED


def _code(error: stripe.StripeError) -> str | None:
    """Its code; the SDK drops that of a 403 and keeps it in the body."""
    return error.code or getattr(error.error, "code", None)


def _is_stored(error: stripe.StripeError) -> bool:
    """True when the same key would only get the same answer again: a 500 is stored under it,
    unless Stripe says otherwise."""
    said = _should_retry(error)
    if said is None:
        return error.http_status == 500
    return error.http_status is not None and not said


def _should_retry(error: stripe.StripeError) -> bool | None:
    """What Stripe says of trying again under the same key, if it says anything."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return {"true": True, "false": False}.get(headers.get("stripe-should-retry", ""))


def _understood(answer: Any, understand: Callable[[Any], Reply]) -> Reply:
    request_id = getattr(getattr(answer, "last_response", None), "request_id", None) or ""
    try:
        return dataclasses.replace(understand(answer), request_id=request_id)
    except stripe.StripeError as error:
        # More had to be read to understand it. That can be asked for again.
        return dataclasses.replace(_failed(error, Outcome.UNKNOWN), read_only=False)


def _failed(error: stripe.StripeError, outcome: Outcome) -> Reply:
    return Reply(
        outcome,
        code=getattr(error.error, "decline_code", None) or _code(error) or type(error).__name__,
        message=error.user_message or str(error),
        request_id=error.request_id or "",
        read_only=outcome is Outcome.UNKNOWN and _is_stored(error),
    )
