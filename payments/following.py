"""Following an event about a payment: what it is about is read from Stripe, and learnt as the reply
to a call would be. Nothing that the event itself says is believed."""

from functools import partial
from uuid import UUID

from django.db.models import Q

from campusg.conflicts import in_transaction
from payments import operations, services
from payments.errors import NotOurs, StripeUnavailable
from payments.gateway import HOLD_STANDS, Outcome, Reply
from payments.janitor import resolve
from payments.learning import answered
from payments.models import UNRESOLVED, Operation, OperationState, Payment
from payments.operations import Call
from payments.stripe_events import StripeEvent
from sagas.engine.starting import announce

#: Objects of Stripe's that our operations make or change.
OURS = frozenset({"payment_intent", "charge", "refund", "transfer"})


def follow(event: StripeEvent) -> str:
    """Find out what has become of the payment's unresolved operations; in words, what came of it.

    Raises NotOurs when the event is about no payment of ours, StripeUnavailable when Stripe did
    not say: it is followed again later.
    """
    return find_out(payment_of_event(event))


def find_out(payment_id: UUID) -> str:
    """Read what has become of a payment's unresolved operations, and learn it; in words, what came
    of it. Raises StripeUnavailable."""
    learnt = [_find_out(call) for call in in_transaction(partial(_unresolved, payment_id))]
    return ", ".join(learnt) or "known already"


def adopt(payment_id: UUID, object_id: str) -> bool:
    """Learn that an operation of the payment's has made this object, if it has. Raises
    StripeUnavailable."""
    find_out(payment_id)
    made = Operation.objects.filter(payment_id=payment_id, stripe_id=object_id)
    return made.filter(state=OperationState.SUCCEEDED).exists()


def payment_of_event(event: StripeEvent) -> UUID:
    """By the operation that made the object, by the intent, or by the order: in this order, as the
    first is the most certain. Raises NotOurs."""
    if event.operation_id:
        made = Operation.objects.filter(pk=event.operation_id)
        payment_id = made.values_list("payment_id", flat=True).first()
        if payment_id is None:
            raise NotOurs("Its metadata names an operation that is not in our books.")
        return payment_id
    return payment_of_intent(event.payment_intent, event.order_id)


def payment_of_intent(payment_intent: str, order_id: UUID | None = None) -> UUID:
    """By the intent, or by the order. Raises NotOurs."""
    named = Q(pk__isnull=True)
    if payment_intent:
        named |= Q(payment_intent=payment_intent)
    if order_id:
        named |= Q(order_id=order_id)
    payment_id = Payment.objects.filter(named).values_list("pk", flat=True).first()
    if payment_id is None:
        raise NotOurs(
            "Nothing in our books goes by what it is about, and its metadata is not ours."
        )
    return payment_id


def _unresolved(payment_id: UUID) -> list[Call]:
    """A look, by reading only, at each operation whose outcome is not known."""
    Payment.objects.select_for_update().get(pk=payment_id)
    # What a person was called for as well: Stripe may know by now.
    states = (*UNRESOLVED, OperationState.NEEDS_OPERATOR)
    found = Operation.objects.filter(payment_id=payment_id, state__in=states)
    return [operations.look_at(operation) for operation in found.order_by("id")]


def _find_out(call: Call) -> str:
    reply = operations.perform(call)
    if not _is_definite(reply):
        if reply.outcome is Outcome.NOT_RUN:
            raise StripeUnavailable(f"{call.key} could not be read: {reply.message}")
        return f"{call.key} is not known yet"
    more = in_transaction(partial(services.record_resolution, call, reply))
    announce(answered(call.operation_id))
    if more:
        # Its order no longer wants what has turned up.
        resolve(str(call.payment_id))
    return f"{call.key} {reply.outcome.value}"


def _is_definite(reply: Reply) -> bool:
    """Whether what was read says how a call ended, though perhaps it is still on its way: that a
    hold still stands says nothing about a capture that has not arrived."""
    if reply.outcome is Outcome.FAILED:
        return reply.code != HOLD_STANDS
    return reply.outcome in (Outcome.SUCCEEDED, Outcome.WAITING)
