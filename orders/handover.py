"""The hand-over PIN: six digits that the customer knows and the runner has to be told."""

from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils.crypto import constant_time_compare, salted_hmac

from events.services import record
from orders import errors
from orders.models import HandOver, Order
from orders.moving import cut, told

DIGITS = 6
TRIES_MAX = 5

_COUNT = f"""
    INSERT INTO orders_handover AS handover (order_id, tries, override_reason)
    VALUES (%s, 1, '')
    ON CONFLICT (order_id) DO UPDATE SET tries = handover.tries + 1
     WHERE handover.tries < {TRIES_MAX}
    RETURNING tries
"""


def pin_of(*, order_id: UUID, customer_id: UUID) -> str:
    """The order's PIN, for the customer alone; raises UnknownOrder for anybody else.

    It is derived from the order's id with the server's key: it never changes and stands nowhere.
    """
    if not Order.objects.filter(id=order_id, customer_id=customer_id).exists():
        raise errors.UnknownOrder("You have no such order.", field="order_id")
    return _pin(order_id)


def check_pin(*, order_id: UUID, pin: str) -> None:
    """Let pass who knows the PIN; raises WrongPin, and PinLocked after five wrong tries.

    Call it before the request's transaction and outside any other (inside one it raises
    RuntimeError): each try is counted and committed before it is compared, so that no rollback
    and no crowd of requests at once buys another guess. Only the order's own runner may be let
    this far, or anybody could lock it.
    """
    tries = _count_try(order_id)
    if tries is None:
        raise errors.PinLocked("Too many wrong PINs; an operator has to look into it.")
    if not constant_time_compare(pin, _pin(order_id)):
        raise errors.WrongPin(f"Wrong PIN; tries left: {TRIES_MAX - tries}.", field="pin")
    HandOver.objects.filter(order_id=order_id).update(tries=0)


@transaction.atomic(savepoint=False)
def override_pin(*, order_id: UUID, by_user_id: UUID, reason: str) -> None:
    """Note that an operator vouches for the hand-over in the PIN's stead, and why.

    Lets the runner try again, too. Records `order.pin_overridden`.
    """
    HandOver.objects.update_or_create(
        order_id=order_id,
        defaults={
            "tries": 0,
            "overridden_by_id": by_user_id,
            "override_reason": cut(reason),
            "overridden_at": Now(),
        },
    )
    order = Order.objects.get(id=order_id)
    record(
        type="order.pin_overridden",
        order_id=order_id,
        data={**told(order, order.status), "by_user_id": by_user_id},
    )


@transaction.atomic(durable=True)
def _count_try(order_id: UUID) -> int | None:
    """How many tries there have been with this one; None when there have been too many."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [order_id])
        row = cursor.fetchone()
    return row[0] if row else None


def _pin(order_id: UUID) -> str:
    secret = settings.HANDOVER_PIN_KEY or settings.SECRET_KEY
    mac = salted_hmac("orders.handover", str(order_id), secret=secret, algorithm="sha256")
    return str(int.from_bytes(mac.digest()) % 10**DIGITS).zfill(DIGITS)
