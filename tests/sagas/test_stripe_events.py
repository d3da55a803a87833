"""Events are hints: whatever they say, and however they come, the state is what Stripe has."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from campusg.ids import new_id
from payments import following, services, stripe_events, webhooks
from payments.gateway import Outcome, Reply
from payments.models import Kind, OperationState, Payment, PaymentStatus
from payments.operations import Call, perform
from payments.stripe_events import EventState, Notice, Source, StripeEvent
from sagas import stripe_events as following_events
from tests.makers import holds_of, make_customer, make_runner
from tests.payments.webhooks import an_event, events_of
from tests.threads import at_once
from users.models import PayoutAccount, Transfers

pytestmark = [pytest.mark.story, pytest.mark.usefixtures("no_worker")]


@pytest.fixture(autouse=True)
def only_ours(committed_db: None) -> Iterator[None]:
    """Nobody else's events are due, and no worker is told of these."""
    StripeEvent.objects.filter(state=EventState.RECEIVED).delete()
    yield
    StripeEvent.objects.filter(state=EventState.RECEIVED).delete()
    Asked.record_all()


class Asked:
    """An authorization that Stripe has carried out, and whose reply nobody has recorded yet."""

    made: ClassVar[list["Asked"]] = []

    def __init__(self, card: str = "pm_card_visa") -> None:
        self.made.append(self)
        customer = make_customer(card)
        self.order = {
            "order_id": new_id(),
            "customer_id": customer.id,
            "amount": 1772,
            "currency": "USD",
            "stripe_customer": customer.saved_card.stripe_customer_id,
            "payment_method": customer.saved_card.payment_method_id,
        }
        with transaction.atomic():
            call = services.prepare_authorization(**self.order)
        assert isinstance(call, Call)
        self.call = call
        self.reply = perform(call)

    def record(self) -> Any:
        with transaction.atomic():
            return services.record_authorization(self.call, self.reply)

    @classmethod
    def record_all(cls) -> None:
        """What is left unresolved would be found out in the midst of another test."""
        while cls.made:
            cls.made.pop().record()

    @property
    def payment(self) -> Payment:
        return Payment.objects.get(order_id=self.order["order_id"])

    def events(self) -> list[dict[str, Any]]:
        return events_of(str(self.order["order_id"]))

    def held(self) -> list[str]:
        return [one["status"] for one in holds_of(self.order["order_id"])]


def tell(*events: dict[str, Any]) -> list[StripeEvent]:
    """Keep the events and follow them; how they ended."""
    notices = [(Notice.of(event), "") for event in events]
    stripe_events.store(notices, Source.WEBHOOK)
    while following_events.follow_due():
        pass
    return list(StripeEvent.objects.filter(pk__in=[event["id"] for event in events]))


@pytest.mark.fault(11)
def test_an_event_before_the_reply_is_adopted_and_the_reply_changes_nothing() -> None:
    asked = Asked()
    told = tell(*asked.events())
    assert {one.state for one in told} == {EventState.DONE}
    assert asked.payment.status == PaymentStatus.AUTHORIZED
    before = list(asked.payment.operations.values())
    assert asked.record() == {
        "payment_id": asked.payment.pk,
        "payment_operation_id": asked.call.operation_id,
    }
    assert list(asked.payment.operations.values()) == before
    assert asked.held() == ["requires_capture"]


@pytest.mark.fault(10, 12)
def test_after_the_reply_events_in_whatever_order_change_nothing() -> None:
    asked = Asked()
    asked.record()
    before = list(asked.payment.operations.values()), asked.payment.status
    events = asked.events()
    assert events
    for one in tell(*reversed(events), *events):
        assert (one.state, one.note) == (EventState.DONE, "known already")
    assert (list(asked.payment.operations.values()), asked.payment.status) == before


@pytest.mark.fault(9)
def test_one_event_followed_ten_times_at_once_has_one_effect() -> None:
    asked = Asked()
    event = asked.events()[-1]
    stripe_events.store([(Notice.of(event), "")], Source.WEBHOOK)
    row = StripeEvent.objects.get(pk=event["id"])
    told = at_once([lambda: following.follow(row)] * 10)
    assert not [one for one in told if isinstance(one, Exception)]
    assert asked.payment.status == PaymentStatus.AUTHORIZED
    assert asked.payment.operations.get().state == OperationState.SUCCEEDED


@pytest.mark.fault(3)
def test_what_turns_up_by_an_event_after_its_order_gave_up_is_voided() -> None:
    asked = Asked()
    with transaction.atomic():
        tombstone = services.prepare_release(order_id=asked.order["order_id"])
    assert isinstance(tombstone, Call)
    asked.payment.operations.update(watched=True)
    tell(*asked.events())
    assert asked.payment.status == PaymentStatus.RELEASED
    assert asked.held() == ["canceled"]
    assert [one.kind for one in asked.payment.operations.order_by("id")] == [
        Kind.AUTHORIZE, Kind.VOID,
    ]  # fmt: skip


@pytest.mark.fault(16)
def test_that_a_hold_stands_says_nothing_about_a_capture_on_its_way() -> None:
    asked = Asked()
    asked.record()
    with transaction.atomic():
        capture = services.prepare_capture(order_id=asked.order["order_id"], amount=1772)
    assert isinstance(capture, Call)
    tell(*asked.events())
    assert asked.payment.operations.get(kind=Kind.CAPTURE).state == OperationState.SENT
    perform(capture)
    tell(*asked.events())
    assert asked.payment.status == PaymentStatus.CAPTURED
    with transaction.atomic():
        late = services.record_capture(capture, Reply(Outcome.UNKNOWN, code="late"))
    assert isinstance(late, dict)
    assert late["captured"] == 1772


@pytest.mark.fault(14)
@pytest.mark.parametrize(
    "about",
    [
        {"metadata": {}},
        {"metadata": {"order_id": str(new_id())}},
        {"metadata": {"operation_id": str(new_id()), "env": "test"}},
    ],
)
def test_what_goes_by_nothing_in_our_books_is_quarantined(about: dict[str, Any]) -> None:
    (told,) = tell(an_event(**about))
    assert told.state == EventState.QUARANTINED
    assert told.note


def test_an_event_about_an_account_sets_what_it_may_do_and_nobody_elses_is_quarantined() -> None:
    runner = make_runner()
    account = PayoutAccount.objects.get(user=runner)
    PayoutAccount.objects.filter(user=runner).update(transfers=Transfers.INACTIVE)
    name = account.stripe_account_id
    event = an_event("account.updated", id=name, object="account") | {"account": name}
    (told,) = tell(event)
    assert told.state == EventState.DONE
    account.refresh_from_db()
    assert account.transfers == Transfers.ACTIVE
    (stranger,) = tell(
        an_event("account.updated", id="acct_nobody", object="account") | {"account": "acct_nobody"}
    )
    assert stranger.state == EventState.QUARANTINED


def test_what_hangs_on_nothing_is_done() -> None:
    (told,) = tell(an_event("customer.created", id="cus_1", object="customer"))
    assert (told.state, told.note) == (EventState.DONE, "nothing hangs on it")


def test_what_fails_is_tried_again_ever_later_and_dead_after_ten_times(
    monkeypatch: Any, caplog: Any
) -> None:
    asked = Asked()
    event = asked.events()[-1]

    def broken(*_: object) -> str:
        raise RuntimeError("out of order")

    monkeypatch.setattr(following, "follow", broken)
    waits = []
    stripe_events.store([(Notice.of(event), "")], Source.WEBHOOK)
    rows = StripeEvent.objects.filter(pk=event["id"])
    for _ in range(stripe_events.TRIES):
        assert following_events.follow_due() == 1
        row = rows.get()
        if row.next_try_at:
            waits.append((row.next_try_at - row.received_at).total_seconds())
        rows.update(next_try_at=row.received_at)
    assert (row.state, row.tries) == (EventState.DEAD, 10)
    assert "out of order" in row.note
    assert waits == sorted(waits)
    assert "needs a person" in caplog.text
    # Mended, it is followed once more.
    monkeypatch.undo()
    assert stripe_events.try_again([row.pk]) == 1
    assert following_events.follow_due() == 1
    assert rows.get().state == EventState.DONE
    assert asked.payment.status == PaymentStatus.AUTHORIZED


def test_an_event_that_somebody_took_and_never_brought_back_is_taken_again() -> None:
    event = an_event("customer.created", id="cus_1", object="customer")
    stripe_events.store([(Notice.of(event), "")], Source.WEBHOOK)
    slow = stripe_events.claim()
    assert stripe_events.claim() is None
    rows = StripeEvent.objects.filter(pk=event["id"])
    rows.update(busy_until=rows.get().received_at)
    assert stripe_events.claim() is not None
    assert rows.get().tries == 2
    # Who was slower than that changes nothing any more.
    stripe_events.put_off(slow, 3600, "it took too long")
    stripe_events.finish(slow, EventState.DEAD)
    assert (rows.get().state, rows.get().note) == (EventState.RECEIVED, "")
    assert stripe_events.claim() is None


def test_whoever_dies_over_events_leaves_one_of_them(monkeypatch: Any) -> None:
    events = [an_event("customer.created", id="cus_1", object="customer") for _ in range(3)]
    stripe_events.store([(Notice.of(event), "") for event in events], Source.WEBHOOK)

    def killed(_: object) -> str:
        raise SystemExit

    monkeypatch.setattr(following_events, "_done", killed)
    with pytest.raises(SystemExit):
        following_events.follow_due()
    monkeypatch.undo()
    assert following_events.follow_due() == 2


def test_of_a_table_believed_empty_one_event_is_taken_as_well() -> None:
    """A new installation's: PostgreSQL plans for it otherwise, and all the rows were taken."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE payments_stripeevent")
            first, *more = (an_event("customer.created", object="customer") for _ in range(4))
            stripe_events.store([(Notice.of(first), "")], Source.WEBHOOK)
            cursor.execute("ANALYZE payments_stripeevent")
        stripe_events.store([(Notice.of(event), "") for event in more], Source.WEBHOOK)
        StripeEvent.objects.update(next_try_at=Now() - timedelta(minutes=1))
        assert stripe_events.claim() is not None
        assert StripeEvent.objects.filter(tries=1).count() == 1
        transaction.set_rollback(True)


def test_old_events_are_forgotten_after_ninety_days(django_db_blocker: Any) -> None:
    old, young = (an_event("customer.created", object="customer") for _ in range(2))
    tell(old, young)
    rows = StripeEvent.objects.filter(pk=old["id"])
    rows.update(received_at=rows.get().received_at - timedelta(days=91))
    assert stripe_events.prune(days=90, batch=10) >= 1
    assert not rows.exists()
    assert StripeEvent.objects.filter(pk=young["id"]).exists()


def test_a_worker_is_told_of_what_no_message_told_it_of(monkeypatch: Any) -> None:
    hints: list[int] = []
    hint: Callable[[], None] = lambda: hints.append(1)  # noqa: E731
    monkeypatch.setattr(following_events, "hint", hint)
    following_events.hurry_due()
    assert not hints
    stripe_events.store([(Notice.of(an_event()), "")], Source.WEBHOOK)
    following_events.hurry_due()
    assert hints
    assert following_events.follow_due.name == webhooks.FOLLOW
