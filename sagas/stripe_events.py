"""What an event at Stripe sets going: a look at the payment, or at an account and who waits for it.

Events are kept by `payments.webhooks` and taken from there, any number of workers at once. An event
that fails is tried again, ever later, ten times; then it waits for a person.
"""

import logging
from functools import partial
from uuid import UUID

from celery import shared_task

from campusg.conflicts import in_transaction
from orders import services as orders
from payments import backfill as backfilling
from payments import following, lapsing, stripe_events
from payments.errors import NotOurs
from payments.stripe_events import TRIES, EventState, StripeEvent
from payments.webhooks import FOLLOW, hint
from sagas.engine.starting import announce
from sagas.participants import disputes, repaying
from sagas.payees import check_account
from scheduler import services as scheduler

log = logging.getLogger(__name__)

#: So many, then others have their turn at the worker.
BATCH = 10


@shared_task(name=FOLLOW)
def follow_due() -> int:
    """Follow events that are due, oldest first; how many."""
    followed = 0
    while followed < BATCH and (event := stripe_events.claim()):
        _follow(event)
        followed += 1
    if followed == BATCH:
        hint()
    return followed


def hurry_due() -> None:
    """The pulse: tell a worker when an event is due that no message told it of."""
    if stripe_events.waiting():
        hint()


@shared_task(name="sagas.backfill_stripe_events")
def backfill() -> None:
    """Fetch the events that did not reach us."""
    if backfilling.backfill():
        hint()


def _follow(event: StripeEvent) -> None:
    try:
        note = _done(event)
    except NotOurs as stranger:
        log.error("event %s (%s) is quarantined: %s", event.pk, event.type, stranger)
        stripe_events.finish(event, EventState.QUARANTINED, str(stranger))
    except Exception as error:
        _failed(event, error)
    else:
        stripe_events.finish(event, EventState.DONE, note)


def _done(event: StripeEvent) -> str:
    """Act on it; in words, what came of it."""
    if event.account:
        return _account(event)
    if event.object_type in following.OURS:
        note = following.follow(event)
        if event.type in lapsing.ENDED:
            return f"{note}; {_hold(event)}"
        refunded = event.object_type == "refund"
        return f"{note}; {repaying.follow_refund(event.object_id)}" if refunded else note
    if event.object_type == "dispute":
        return disputes.follow_dispute(following.payment_of_event(event), event.object_id)
    if event.object_type == "radar.early_fraud_warning":
        return disputes.follow_warning(following.payment_of_event(event), event.object_id)
    if event.object_type == "balance":
        return f"{announce('balance.available')} runs woken"
    return "nothing hangs on it"


def _hold(event: StripeEvent) -> str:
    """A hold has ended. If its order still relied on it, that ends as well: the sweep's way."""
    payment_id = following.payment_of_event(event)
    if not lapsing.is_gone(payment_id):
        return "no order relied on it"
    order_id = in_transaction(partial(_end_without_hold, payment_id))
    return f"order {order_id} lost its hold" if order_id else "somebody else ends it"


def _end_without_hold(payment_id: UUID) -> UUID | None:
    order_id = lapsing.note_gone(payment_id)
    if order_id and orders.still_open([order_id]):
        scheduler.start_authorization_expiry(order_id=order_id)
    return order_id


def _account(event: StripeEvent) -> str:
    """Whatever happened to a connected account: read what it may do now, and tell who waits."""
    return check_account(event.account)


def _failed(event: StripeEvent, error: Exception) -> None:
    log.warning("event %s (%s), try %s: %s", event.pk, event.type, event.tries, error)
    if event.tries >= TRIES:
        log.error("event %s (%s) needs a person: %s", event.pk, event.type, error)
        stripe_events.finish(event, EventState.DEAD, repr(error))
        return
    stripe_events.put_off(event, min(3600, 2**event.tries), repr(error))
