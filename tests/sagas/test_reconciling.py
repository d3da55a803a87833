"""Whatever differs between Stripe and us is found once, by name; what can be mended is mended."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from orders.states import OrderStatus
from payments import payouts, services
from payments.breaks import BalanceTransaction, Break, BreakKind, Layer, Reconciliation
from payments.gateway import client
from payments.models import Kind, Leg, Operation, OperationState, Payment, PaymentStatus
from payments.operations import Call, perform
from sagas import reconciling
from sagas.reconciling import look_at_open, reconcile, reconcile_yesterday
from tests.makers import make_customer
from tests.sagas.lunch import DELIVERY, FOOD, TOTAL, Lunch

pytestmark = pytest.mark.story
Ordered = Callable[..., Lunch]
Found = set[tuple[str, str]]


def plant(what: str, **wanted: Any) -> dict[str, Any]:
    """A difference, made at the sandbox in silence."""
    url = f"{settings.STRIPE_API_BASE}/_sandbox/plant/{what}"
    reply = requests.post(url, json=wanted, timeout=10)
    reply.raise_for_status()
    planted: dict[str, Any] = reply.json()
    return planted


def look() -> Reconciliation:
    """At everything since yesterday."""
    now = datetime.now(UTC)
    return reconcile(now - timedelta(days=1), now + timedelta(hours=1))


class Breaks:
    """Those that are found from now on: other tests have left some."""

    def __init__(self) -> None:
        look()
        self.before = set(Break.objects.values_list("pk", flat=True))

    @property
    def rows(self) -> list[Break]:
        return list(Break.objects.exclude(pk__in=self.before).order_by("pk"))

    def found(self) -> Found:
        return {(one.kind, one.object_id) for one in self.rows}

    def of(self, object_id: str) -> Break:
        (row,) = [one for one in self.rows if one.object_id == object_id]
        return row


def ours(order_id: object, operation_id: object = None) -> dict[str, str]:
    """The metadata of what we make at Stripe."""
    operation = {"operation_id": str(operation_id)} if operation_id else {}
    return {"env": settings.CAMPUSG_ENV, "order_id": str(order_id), **operation}


def completed(order: Lunch) -> Lunch:
    order.bring().complete()
    assert order.settles().status == "COMPLETED"
    return order


def transferred(order: Lunch, leg: Leg) -> str:
    operation = Operation.objects.get(order_id=order.id, kind=leg.transfer)
    assert operation.stripe_id is not None
    return operation.stripe_id


@pytest.fixture
def breaks(committed_db: None) -> Iterator[Breaks]:
    """What a test plants must not be what the next one finds."""
    known = Breaks()
    yield known
    Break.objects.filter(resolved_at=None).update(resolved_at=Now(), how="a test is over")


def test_one_of_each_kind_is_found_and_nothing_else(lunch: Ordered, breaks: Breaks) -> None:
    doubled, changed, foreign, forgotten = (completed(lunch()) for _ in range(4))
    refunded, standing = completed(lunch()), lunch()
    account = doubled.runner.payout_account.stripe_account_id
    orphan = plant("intent", amount=900, customer=None, metadata=ours(new_id(), new_id()))
    refund = plant("refund", payment_intent=refunded.payment.payment_intent, amount=100)
    # Out of a charge: what is available depends on all that other tests have paid out.
    charge = changed.payment.charge
    transfer = plant(
        "transfer", amount=70, currency="usd", destination=account, source_transaction=charge
    )
    double = plant("double", transfer=transferred(doubled, Leg.RUNNER))
    plant("change", id=transferred(changed, Leg.RUNNER), set={"amount": DELIVERY + 1})
    plant("change", id=transferred(foreign, Leg.RUNNER), set={"currency": "eur"})
    plant("forget", id=transferred(forgotten, Leg.RESTAURANT))
    plant("change", id=standing.payment.payment_intent, set={"status": "canceled"})

    first = look()
    assert breaks.found() == {
        (BreakKind.ORPHAN, orphan["id"]),
        (BreakKind.ORPHAN, refund["id"]),
        (BreakKind.ORPHAN, transfer["id"]),
        (BreakKind.DOUBLE_TRANSFER, double["id"]),
        (BreakKind.AMOUNT, transferred(changed, Leg.RUNNER)),
        (BreakKind.CURRENCY, transferred(foreign, Leg.RUNNER)),
        (BreakKind.MISSING, transferred(forgotten, Leg.RESTAURANT)),
        (BreakKind.STATE, standing.payment.payment_intent),
    }
    assert first.found == 8
    assert first.unexplained == {}
    posted = {one.object_id: one for one in breaks.rows if one.layer == Layer.POSTED}
    assert {one.amount for one in posted.values()} == {-100, -70, -DELIVERY, -1, 0, FOOD}
    assert posted[double["id"]].order_id == doubled.id
    # The orphan hold is let go, the others wait for a person.
    assert {one.object_id for one in breaks.rows if one.resolved_at} == {orphan["id"]}
    assert client().v1.payment_intents.retrieve(orphan["id"]).status == "canceled"

    known = [(one.pk, one.resolved_at) for one in breaks.rows]
    second = look()
    assert (second.found, second.unexplained) == (0, {})
    assert [(one.pk, one.resolved_at) for one in breaks.rows] == known
    plant("change", id=standing.payment.payment_intent, set={"status": "requires_capture"})
    look_at_open()
    agreed = breaks.of(standing.payment.payment_intent)
    assert (agreed.resolved_at is not None, agreed.how) == (True, reconciling.AGREES)


def test_what_is_older_than_what_was_read_is_asked_for_by_its_id(
    lunch: Ordered, breaks: Breaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = lunch().bring(OrderStatus.PLACED)
    order.cancel()
    order.settles()
    look()
    names = Operation.objects.filter(order_id=order.id).values("stripe_id")
    known = BalanceTransaction.objects.filter(reference__in=names)
    before = list(known.order_by("id").values_list("id", "net"))
    # The charge, the rest of it that was not captured, and at least one payout.
    assert len(before) >= 3
    known.delete()
    monkeypatch.setattr(reconciling.mirroring, "mirror", lambda *_: None)
    monkeypatch.setattr(reconciling.mirroring, "unexplained", dict)
    look()
    assert breaks.found() == set()
    assert list(known.order_by("id").values_list("id", "net")) == before


@pytest.mark.fault(13, 20)
@pytest.mark.usefixtures("no_worker")
def test_a_transfer_that_nobody_learnt_of_is_adopted(
    breaks: Breaks,
) -> None:
    call, asked = a_transfer_without_an_answer()
    made = perform(asked)
    Operation.objects.filter(pk=call).update(sent_at=Now() - timedelta(minutes=2))
    look()
    adopted = breaks.of(made.object_id)
    assert (adopted.kind, adopted.resolved_at is not None) == (BreakKind.ORPHAN, True)
    operation = Operation.objects.get(pk=call)
    assert (operation.state, operation.stripe_id) == (OperationState.SUCCEEDED, made.object_id)
    # It is not booked, because no run waits for it here; tomorrow that is a break of its own.
    assert look().under_way >= 1


@pytest.mark.usefixtures("no_worker")
def test_a_hold_of_an_order_that_is_not_over_is_left_to_a_person(breaks: Breaks) -> None:
    payment = a_payment()
    order_id = payment.order_id
    second = plant("intent", amount=payment.amount, metadata=ours(order_id, new_id()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reconciling.orders, "not_over", lambda order_ids: list(order_ids))
        look()
    assert breaks.of(second["id"]).resolved_at is None
    assert client().v1.payment_intents.retrieve(second["id"]).status == "requires_capture"
    # Once it is over the hold is let go.
    look_at_open()
    assert breaks.of(second["id"]).resolved_at is not None
    assert client().v1.payment_intents.retrieve(second["id"]).status == "canceled"
    assert client().v1.payment_intents.retrieve(payment.payment_intent).status == "requires_capture"


@pytest.mark.usefixtures("no_worker")
def test_a_quarter_of_an_hour_finds_a_hold_that_is_gone_and_one_that_is_less(
    breaks: Breaks,
) -> None:
    gone, less = a_payment(), a_payment()
    plant("forget", id=gone.payment_intent)
    plant("change", id=less.payment_intent, set={"amount": 1700})
    assert look_at_open() == 2
    assert breaks.found() == {
        (BreakKind.MISSING, gone.payment_intent),
        (BreakKind.AMOUNT, less.payment_intent),
    }
    assert look_at_open() == 0


@pytest.mark.usefixtures("no_worker")
def test_the_nightly_look_is_made_once_at_a_time(breaks: Breaks) -> None:
    looks = Reconciliation.objects.count()
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended('reconciliation', 0))")
        reconcile_yesterday()
        assert Reconciliation.objects.count() == looks
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended('reconciliation', 0))")
    other.close()
    reconcile_yesterday()
    assert Reconciliation.objects.count() == looks + 1
    latest = Reconciliation.objects.latest("began_at")
    assert (latest.since.hour, latest.since.minute, latest.ended_at is not None) == (0, 0, True)


@pytest.mark.usefixtures("no_worker")
def test_the_command_tells_what_is_open_until_a_person_has_explained_it(
    breaks: Breaks, capsys: pytest.CaptureFixture[str]
) -> None:
    Break.objects.filter(resolved_at=None).update(resolved_at=Now(), how="a test is over")
    today = datetime.now(UTC).date().isoformat()
    call_command("reconcile")
    assert "unexplained  0" in capsys.readouterr().out
    stranger = plant("intent", amount=900, capture_method="automatic")
    with pytest.raises(SystemExit) as exit_:
        call_command("reconcile", "--day", today)
    told = capsys.readouterr().out
    assert exit_.value.code == 1
    assert f"orphan {stranger['id']} (posted): ours nothing" in told
    (row,) = breaks.rows
    call_command("reconcile", "--close", str(row.pk), "--reason", "sold at the counter")
    call_command("reconcile", "--since", today)
    row.refresh_from_db()
    assert row.how.endswith(": sold at the counter")


@pytest.mark.parametrize(
    "wanted",
    [("--day", "yesterday"), ("--since", "2999-01-01"), ("--close", "0", "--reason", "why"),
     ("--close", "1")],
)  # fmt: skip
def test_what_cannot_be_done_is_refused(committed_db: None, wanted: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("reconcile", *wanted)
    assert refused.value.returncode == 2


def a_payment() -> Payment:
    """Held on a card; nobody here has an order for it."""
    customer = make_customer()
    with transaction.atomic():
        call = services.prepare_authorization(
            order_id=new_id(), customer_id=customer.id, amount=TOTAL, currency="USD",
            stripe_customer=customer.saved_card.stripe_customer_id,
            payment_method=customer.saved_card.payment_method_id,
        )  # fmt: skip
    assert isinstance(call, Call)
    reply = perform(call)
    with transaction.atomic():
        services.record_authorization(call, reply)
    payment = Payment.objects.get(pk=call.payment_id)
    assert payment.status == PaymentStatus.AUTHORIZED
    return payment


def a_transfer_without_an_answer() -> tuple[Any, Call]:
    """The operation, and its call, that is yet to be made."""
    payment = a_payment()
    with transaction.atomic():
        capture = services.prepare_capture(order_id=payment.order_id, amount=TOTAL)
    assert isinstance(capture, Call)
    reply = perform(capture)
    account = client().v1.accounts.create(
        {"type": "express", "capabilities": {"transfers": {"requested": True}}}
    )
    with transaction.atomic():
        services.record_capture(capture, reply)
        call = payouts.prepare_transfer(
            order_id=payment.order_id, leg=Leg.RUNNER, destination=account.id, amount=DELIVERY
        )
    assert isinstance(call, Call)
    assert call.kind == Kind.TRANSFER_RUNNER
    return call.operation_id, call
