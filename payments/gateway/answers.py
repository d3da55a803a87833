"""What an answer of Stripe's says about the call, and what the lack of one does."""

import dataclasses
import enum
import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import stripe
from django.conf import settings
from django.db import connection


class Outcome(enum.Enum):
    """What a reply says about the call. UNKNOWN: it may or may not have happened."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_RUN = "not_run"
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


#: A capture or void that was looked into by reading and has not happened. Asking for it again,
#: under a new key, can do no harm: an intent is captured once, and a cancelled one stays so.
HOLD_STANDS = "hold_stands"
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


@functools.cache
def client() -> stripe.StripeClient:
    """One client a process. It never retries by itself: the operation row is the retry."""
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT_SECONDS),
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
    except stripe.CardError as error:
        return _failed(error, Outcome.FAILED)
    except (stripe.InvalidRequestError, stripe.PermissionError) as error:
        known = error.code in NOT_DONE
        return _failed(error, Outcome.FAILED if known else Outcome.OPERATOR)
    except stripe.IdempotencyError as error:
        return _failed(error, Outcome.OPERATOR)
    except (stripe.RateLimitError, stripe.AuthenticationError) as error:
        return _failed(error, Outcome.NOT_RUN)
    except stripe.StripeError as error:
        if error.http_status == 409:
            return _failed(error, Outcome.NOT_RUN)
        return _failed(error, Outcome.UNKNOWN)
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
        code=getattr(error.error, "decline_code", None) or error.code or type(error).__name__,
        message=error.user_message or str(error),
        request_id=error.request_id or "",
        # Stripe stores a 500 under the key.
        read_only=error.http_status == 500,
    )
