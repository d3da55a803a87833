"""Every journal says in its key what happened to which order, and by which call to Stripe."""

import pytest
from django.db import connection

from campusg.ids import new_id
from escrow.chart import Code
from escrow.errors import NoHold
from escrow.models import Entry, Hold, Journal
from escrow.services import (
    cancel,
    claim,
    held_too_long,
    paid_for,
    refund_done,
    refund_failed,
    release,
    reverse_payout,
    set_off,
    settle_claim,
)
from tests.escrow.books import told
from tests.escrow.lives import SHARES, captured, give_back, held, pay, released, take

pytestmark = pytest.mark.django_db


def journals(order):
    """Key without the order, kind and operation of each of the order's journals."""
    of_order = Journal.objects.filter(order_id=order["order_id"]).order_by("id")
    begin = f"order:{order['order_id']}:"
    assert all(one.key.startswith(begin) for one in of_order)
    return [(one.key.removeprefix(begin), one.kind, one.operation_id) for one in of_order]


def test_from_the_hold_to_the_payout_and_back_each_booking_has_its_name():
    order, ids = held(), [new_id() for _ in range(6)]
    hold = Hold.objects.get(order_id=order["order_id"])
    take(order, operation_id=ids[0])
    release(**order)
    pay(order, operation_id=ids[1])
    pay(order, Code.RUNNER_PAYABLE, 399, operation_id=ids[2])
    pay(order, by=reverse_payout, operation_id=ids[3])
    give_back(order, operation_id=ids[4], food=100)
    refund_done(order_id=order["order_id"], operation_id=ids[4])
    give_back(order, operation_id=ids[5], food=100)
    refund_failed(order_id=order["order_id"], operation_id=ids[5])
    assert journals(order) == [
        ("hold", "hold", hold.payment_operation_id),
        ("capture", "capture", ids[0]),
        ("release", "release", None),
        ("pay_out:restaurant_payable", "pay_out", ids[1]),
        ("pay_out:runner_payable", "pay_out", ids[2]),
        (f"reverse_payout:{ids[3]}", "reverse_payout", ids[3]),
        (f"refund:{ids[4]}", "refund", ids[4]),
        (f"refund_done:{ids[4]}", "refund_done", ids[4]),
        (f"refund:{ids[5]}", "refund", ids[5]),
        (f"refund_failed:{ids[5]}", "refund_failed", ids[5]),
    ]
    assert {one.currency for one in Entry.objects.filter(journal__order_id=hold.order_id)} == {
        "USD"
    }
    assert told(order["order_id"]) == [
        "escrow.held", "escrow.captured", "escrow.released", "payout.paid", "payout.paid",
        "payout.reversed", "escrow.refunded",
    ]  # fmt: skip


def test_what_ends_otherwise_has_its_name_too():
    called_off, owing, operation_id = held(), held(), new_id()
    cancel(order_id=called_off["order_id"])
    claim(**owing)
    settle_claim(
        order_id=owing["order_id"], collected=1772, stripe_fee=81, operation_id=operation_id
    )
    assert [key for key, _, _ in journals(called_off)] == ["hold", "cancel"]
    mirror = Journal.objects.get(key=f"order:{called_off['order_id']}:cancel")
    assert mirror.reverses.key == f"order:{called_off['order_id']}:hold"
    assert [(key, of) for key, _, of in journals(owing)][1:] == [
        ("claim", None),
        ("settle_claim", operation_id),
    ]


def test_what_is_kept_back_has_its_name_and_is_told():
    earlier = released()
    pay(earlier)
    give_back(earlier, food=1000)
    order = held()
    take(order)
    release(
        order_id=order["order_id"],
        restaurant_id=earlier["restaurant_id"],
        runner_id=order["runner_id"],
    )
    kept = set_off(
        order_id=order["order_id"],
        owner=earlier["restaurant_id"],
        code=Code.RESTAURANT_PAYABLE,
        amount=1250,
    )
    assert kept == 625
    assert journals(order)[-1] == ("set_off:restaurant_payable", "set_off", None)
    assert told(order["order_id"])[-1] == "payout.set_off"


def test_whose_money_a_completed_order_is_counts_what_went_back():
    order = released()
    give_back(order, food=250, platform=23)
    assert paid_for(order_id=order["order_id"]) == {
        "restaurant_id": Hold.objects.get(order_id=order["order_id"]).restaurant_id,
        "runner_id": order["runner_id"],
        "food_paid": 1000,
        "delivery_paid": SHARES["delivery"],
        "platform_paid": 100,
        "currency": "USD",
    }
    with pytest.raises(NoHold, match="CAPTURED; nothing is passed on"):
        paid_for(order_id=captured()["order_id"])


def test_money_that_stands_aside_too_long_is_found_the_oldest_first(settings):
    settings.ESCROW_TIMEOUT_SECONDS = 0
    first, second, over = held(), held(), captured()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE escrow_hold DISABLE TRIGGER USER")
        for order, hours in ((first, 1), (second, 2), (over, 3)):
            cursor.execute(
                "UPDATE escrow_hold SET held_at = now() - make_interval(hours => %s)"
                " WHERE order_id = %s",
                [hours, order["order_id"]],
            )
        cursor.execute("ALTER TABLE escrow_hold ENABLE TRIGGER USER")
    ours = {order["order_id"] for order in (first, second, over)}
    assert [one for one in held_too_long() if one in ours] == [
        second["order_id"], first["order_id"],
    ]  # fmt: skip
    settings.ESCROW_TIMEOUT_SECONDS = 5400
    assert [one for one in held_too_long() if one in ours] == [second["order_id"]]
