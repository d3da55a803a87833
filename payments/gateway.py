"""The only file that talks to Stripe. Each answer, and each lack of one, becomes a `Reply`."""

import dataclasses
import enum
import functools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import stripe
from django.conf import settings
from django.db import connection

from payments.errors import PaymentDeclined, StripeUnavailable


class Outcome(enum.Enum):
    """What a reply says about the call. UNKNOWN: it may or may not have happened."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNKNOWN = "unknown"
    NOT_RUN = "not_run"
    OPERATOR = "operator"


@dataclass(frozen=True)
class Reply:
    """One answer of Stripe's, reduced to what decides anything."""

    outcome: Outcome
    object_id: str = ""
    capture_before: datetime | None = None
    code: str = ""
    message: str = ""
    request_id: str = ""
    stored_500: bool = False


#: A void that was looked into by reading and has not happened. Asking for it again, under a new
#: key, can do no harm: a cancelled intent stays cancelled.
HOLD_STANDS = "hold_stands"

#: 4xx codes that mean: understood, and definitely not done. Any other goes to a person, because
#: Stripe's list of codes is not complete (`insufficient_capabilities_for_transfer` is missing).
#: https://docs.stripe.com/error-codes
NOT_DONE = frozenset(
    {
        "amount_too_large", "amount_too_small", "customer_tax_location_invalid",
        "parameter_invalid_empty", "parameter_invalid_integer", "parameter_invalid_string_empty",
        "parameter_missing", "parameter_unknown", "payment_intent_invalid_parameter",
        "payment_intent_unexpected_state", "payment_method_unactivated", "resource_missing",
    }
)  # fmt: skip


def authorize(key: str, params: dict[str, Any]) -> Reply:
    """Create and confirm a PaymentIntent with manual capture.

    https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
    """
    return _answer(
        lambda: client().v1.payment_intents.create(
            params,  # type: ignore[arg-type]
            {"idempotency_key": key},
        ),
        wanted="requires_capture",
    )


def void(key: str, params: dict[str, Any]) -> Reply:
    """Cancel a PaymentIntent, which frees its hold. Already cancelled counts as done.

    https://docs.stripe.com/api/payment_intents/cancel
    """
    reply = _answer(
        lambda: client().v1.payment_intents.cancel(
            params["payment_intent"],
            {"cancellation_reason": params["cancellation_reason"]},
            {"idempotency_key": key},
        ),
        wanted="canceled",
    )
    if reply.code == "payment_intent_unexpected_state":
        return find_void(params["payment_intent"])
    return reply


def find_authorization(customer: str, operation_id: str, since: datetime) -> Reply:
    """Look for what an authorization created, by reading only. The list of a customer's intents
    is read-after-write; Stripe's search is not, and is never used to decide.

    https://docs.stripe.com/api/payment_intents/list
    """

    def read() -> Any:
        page = client().v1.payment_intents.list(
            {
                "customer": customer,
                "created": {"gte": int(since.timestamp()) - 60},
                "limit": 100,
                "expand": ["data.latest_charge"],
            }
        )
        return next(
            (
                intent
                for intent in page.auto_paging_iter()
                if intent.metadata and intent.metadata["operation_id"] == operation_id
            ),
            None,
        )

    return _read(read, wanted="requires_capture")


def find_void(payment_intent: str) -> Reply:
    """Read whether an intent is cancelled."""
    return _read(lambda: client().v1.payment_intents.retrieve(payment_intent), wanted="canceled")


class Registered(NamedTuple):
    """A new Customer and the card attached to it, as Stripe names and describes them."""

    customer_id: str
    payment_method_id: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int


def register_customer(email: str, payment_method: str) -> Registered:
    """Create a Customer and attach a card to it. No money moves, so no operation is written; a
    customer whose card was never attached stays behind at Stripe and harms nobody.

    Raises PaymentDeclined when the card can't be attached, StripeUnavailable when in doubt.
    https://docs.stripe.com/api/payment_methods/attach
    """
    _refuse_in_transaction()
    try:
        customer = client().v1.customers.create({"email": email})
        method = client().v1.payment_methods.attach(payment_method, {"customer": customer.id})
    except stripe.CardError as error:
        raise PaymentDeclined(error.user_message or str(error)) from error
    except stripe.StripeError as error:
        raise StripeUnavailable(f"{email} could not be registered: {error}") from error
    card = method.card
    assert card is not None, "only cards are attached here"
    return Registered(
        customer.id, method.id, card.brand, card.last4 or "", card.exp_month, card.exp_year
    )


@functools.cache
def client() -> stripe.StripeClient:
    """One client a process. It never retries by itself: the operation row is the retry."""
    return stripe.StripeClient(
        settings.STRIPE_SECRET_KEY,
        base_addresses={"api": settings.STRIPE_API_BASE},
        http_client=stripe.RequestsClient(timeout=settings.STRIPE_TIMEOUT_SECONDS),
        max_network_retries=0,
    )


def _read(call: Callable[[], Any], *, wanted: str) -> Reply:
    """As `_answer`, but an error while reading says nothing about what was to be read."""
    reply = _answer(call, wanted=wanted)
    if reply.object_id or reply.outcome is not Outcome.FAILED:
        return reply
    return dataclasses.replace(reply, outcome=Outcome.UNKNOWN)


def _answer(call: Callable[[], Any], *, wanted: str) -> Reply:
    """Make the call; sort what comes back as Stripe's error tables say.

    https://docs.stripe.com/error-low-level: a timeout, a broken connection, 409, 429 and 5xx
    say nothing about whether it happened; a 402 and a known 4xx say that it did not.
    """
    _refuse_in_transaction()
    try:
        intent = call()
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
    if intent is None:
        return Reply(Outcome.UNKNOWN, code="not_found", message="Stripe lists no such object.")
    return _reply(intent, wanted)


def _refuse_in_transaction() -> None:
    if connection.in_atomic_block:
        raise RuntimeError("a call to Stripe inside a transaction would hold its locks for seconds")


def _failed(error: stripe.StripeError, outcome: Outcome) -> Reply:
    return Reply(
        outcome,
        code=getattr(error.error, "decline_code", None) or error.code or type(error).__name__,
        message=error.user_message or str(error),
        request_id=error.request_id or "",
        # Stripe stores a 500 under the key; the same key would only repeat it.
        stored_500=error.http_status == 500,
    )


def _reply(intent: stripe.PaymentIntent, wanted: str) -> Reply:
    request_id = getattr(getattr(intent, "last_response", None), "request_id", None) or ""
    if intent.status == wanted:
        return Reply(
            Outcome.SUCCEEDED,
            object_id=intent.id,
            capture_before=_capture_before(intent),
            request_id=request_id,
        )
    if wanted == "requires_capture" and intent.status in ("requires_payment_method", "canceled"):
        error = intent.last_payment_error
        return Reply(
            Outcome.FAILED,
            object_id=intent.id,
            code=(error and (error.decline_code or error.code)) or intent.status,
            message=(error and error.message) or "The payment was not accepted.",
            request_id=request_id,
        )
    if wanted == "canceled" and intent.status == "requires_capture":
        return Reply(
            Outcome.FAILED,
            object_id=intent.id,
            code=HOLD_STANDS,
            message=f"{intent.id} still holds the money.",
            request_id=request_id,
        )
    return Reply(
        Outcome.OPERATOR,
        object_id=intent.id,
        code=f"intent_{intent.status}",
        message=f"PaymentIntent {intent.id} is {intent.status}; {wanted} was expected.",
        request_id=request_id,
    )


def _capture_before(intent: stripe.PaymentIntent) -> datetime | None:
    """When the hold lapses. https://docs.stripe.com/payments/place-a-hold-on-a-payment-method"""
    charge = intent.latest_charge
    details = getattr(charge, "payment_method_details", None)
    moment = getattr(getattr(details, "card", None), "capture_before", None)
    return datetime.fromtimestamp(moment, UTC) if moment else None
