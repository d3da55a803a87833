"""Orders as their sagas leave them, made through the apps' own doors without a worker or Stripe."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from campusg.ids import new_id
from escrow import services as escrow
from escrow.chart import Code
from orders import services as orders
from orders.models import Order
from orders.states import DELIVERING, OrderStatus
from payments import claims, payouts, refunds
from payments import services as payments
from payments.gateway import Outcome, Reply
from payments.models import Leg
from payments.operations import Call
from sagas.create_order import create_order
from sagas.models import Direction, Run, RunStatus, StepLog, StepState
from scheduler import services as scheduler
from tests.factories import a_person, an_order
from users.models import Role


def a_created_order() -> Order:
    """Paid for, held in escrow, open to runners, its run completed."""
    order = an_order()
    operation_id = authorized(order)
    escrow.hold(
        order_id=order.id,
        customer_id=order.customer_id,
        restaurant_id=order.restaurant_id,
        payment_operation_id=operation_id,
        food_fee=order.food_fee,
        delivery_fee=order.delivery_fee,
        platform_fee=order.platform_fee,
        currency=order.currency,
    )
    orders.mark_created(order_id=order.id)
    scheduler.start_order_timeout(order_id=order.id)
    _run(order, RunStatus.COMPLETED)
    order.refresh_from_db()
    return order


def a_cancelled_order(error: str = "no room") -> Order:
    """Its escrow was refused: the card's hold is given back, the run compensated."""
    order = an_order()
    authorized(order)
    released(order)
    orders.cancel(order_id=order.id, reason="The order could not be completed.")
    run = _run(order, RunStatus.COMPENSATED, upto=3, reason=f"escrow.hold: {error}")
    log(run, 4, StepState.REFUSED, error=error)
    for position in (4, 3, 2):
        log(run, position, StepState.DONE, direction=Direction.UNDO)
    order.refresh_from_db()
    return order


def a_completing_order() -> Order:
    """Delivered, and locked for its completion."""
    order = _delivered(a_created_order())
    orders.begin_completing(order_id=order.id)
    return order


def a_completed_order(*, paid: bool = True) -> Order:
    """Delivered, its money taken and, unless `paid` is false, sent to restaurant and runner."""
    order = a_completing_order()
    captured(order)
    due = escrow.release(**_parties(order))
    if paid:
        paid_out(order, due)
    orders.mark_completed(order_id=order.id, paid=True)
    _ended(order, "complete_order")
    return order


def an_unpaid_order() -> Order:
    """Delivered, and the card said no: the customer owes it to us."""
    order = a_completing_order()
    captured(order, Outcome.FAILED)
    escrow.claim(**_parties(order))
    orders.mark_completed(order_id=order.id, paid=False)
    _ended(order, "complete_order", RunStatus.PARKED)
    return order


def a_settled_order(paid_by: str) -> Order:
    """Unpaid first; then the card paid after all, or the platform did."""
    order = an_unpaid_order()
    if paid_by == "platform":
        claims.write_off(order_id=order.id)
        collected: dict[str, Any] = {"collected": 0, "stripe_fee": 0, "operation_id": None}
    else:
        call = claims.prepare_charge(
            order_id=order.id, amount=order.total, stripe_customer="cus_test", payment_method="pm_2"
        )
        assert isinstance(call, Call)
        claims.record_charge(call, _done("pi", charge=f"ch_{new_id().hex}", stripe_fee=81))
        collected = {
            "collected": order.total, "stripe_fee": 81, "operation_id": call.operation_id
        }  # fmt: skip
    due = escrow.settle_claim(order_id=order.id, **collected)
    orders.mark_paid(order_id=order.id)
    paid_out(order, due)
    Run.objects.filter(key=str(order.id), saga="complete_order").update(
        status=RunStatus.COMPLETED, ended_at=timezone.now()
    )
    _ended(order, "settle_claim")
    return order


def a_part_paid_order() -> Order:
    """Cancelled by its customer with the kitchen at work: food and half the way are paid."""
    order = _delivered(a_created_order(), OrderStatus.PLACED)
    facts = orders.begin_cancelling(order_id=order.id, by="customer", reason="changed my mind")
    due = orders.due_when_cancelled(
        facts["status_before"],
        "customer",
        {
            "food_fee": order.food_fee,
            "delivery_fee": order.delivery_fee,
            "platform_fee": order.platform_fee,
        },
    )
    captured(order, food=due["food_due"], delivery=due["delivery_due"])
    paid_out(order, escrow.release(**_parties(order)))
    orders.mark_cancelled(order_id=order.id)
    _ended(order, "cancel_order")
    order.refresh_from_db()
    return order


def a_refunded_order() -> Order:
    """Completed and paid on; then all of it was taken back and given to the customer."""
    order = a_completed_order()
    shares = {
        "food": order.food_fee,
        "delivery": order.delivery_fee,
        "platform": order.platform_fee,
    }
    refunds.begin_refund(order_id=order.id)
    for leg, amount in ((Leg.RESTAURANT, order.food_fee), (Leg.RUNNER, order.delivery_fee)):
        call = payouts.prepare_reversal(order_id=order.id, leg=leg)
        assert isinstance(call, Call)
        payouts.record_reversal(call, _done("trr"))
        owner, code = _payee(order, leg)
        escrow.reverse_payout(
            order_id=order.id, owner=owner, code=code, amount=amount,
            operation_id=call.operation_id,
        )  # fmt: skip
    call = refunds.prepare_refund(order_id=order.id, amount=order.total)
    assert isinstance(call, Call)
    refunds.record_refund(call, _done("re"))
    ids = {"order_id": order.id, "operation_id": call.operation_id}
    escrow.refund(**ids, amount=order.total, **shares)
    escrow.refund_done(**ids)
    return order


def captured(order: Order, outcome: Outcome = Outcome.SUCCEEDED, **due: int) -> None:
    """Take the order's total, or the shares that are due, from the card; and book it if it went."""
    shares = {
        "food": order.food_fee,
        "delivery": order.delivery_fee,
        "platform": order.platform_fee,
    } | due
    amount = sum(shares.values())
    call = payments.prepare_capture(order_id=order.id, amount=amount)
    assert isinstance(call, Call)
    if outcome is Outcome.FAILED:
        payments.record_capture(call, Reply(outcome, code="charge_expired_for_capture"))
        return
    payments.record_capture(call, _done("pi", charge=f"ch_{new_id().hex}", stripe_fee=81))
    escrow.capture(
        order_id=order.id, amount=amount, stripe_fee=81, operation_id=call.operation_id, **shares
    )


def paid_out(order: Order, due: escrow.Released) -> None:
    """Send what is due to restaurant and runner, and book it."""
    for leg in Leg:
        owner, code = _payee(order, leg)
        amount = due[f"{leg.value}_due"]  # type: ignore[literal-required]
        call = payouts.prepare_transfer(
            order_id=order.id, leg=leg, destination=f"acct_{owner.hex}", amount=amount
        )
        assert isinstance(call, Call)
        payouts.record_transfer(call, _done("tr"))
        escrow.pay_out(
            order_id=order.id, owner=owner, code=code, amount=amount,
            operation_id=call.operation_id,
        )  # fmt: skip


def log(
    run: Run,
    position: int,
    state: StepState,
    direction: Direction = Direction.DO,
    error: str = "",
) -> None:
    """A line of a create_order's timeline, 40 ms long."""
    act = create_order.action(position, forward=direction == Direction.DO)
    now = timezone.now()
    StepLog.objects.create(
        run=run, position=position, direction=direction, participant=act.name, state=state,
        error=error, started_at=now, ended_at=now + timedelta(milliseconds=40),
    )  # fmt: skip


def authorized(order: Order) -> UUID:
    """Hold its total on the card; the operation's id."""
    call = payments.prepare_authorization(
        order_id=order.id,
        customer_id=order.customer_id,
        amount=order.total,
        currency=order.currency,
        stripe_customer="cus_test",
        payment_method="pm_test",
    )
    assert isinstance(call, Call)
    lapses = timezone.now() + timedelta(days=7)
    reply = Reply(Outcome.SUCCEEDED, object_id=f"pi_{new_id().hex}", capture_before=lapses)
    payments.record_authorization(call, reply)
    return call.operation_id


def released(order: Order) -> None:
    """Give the card's hold back."""
    call = payments.prepare_release(order_id=order.id)
    assert isinstance(call, Call)
    payments.record_release(call, Reply(Outcome.SUCCEEDED, object_id=call.params["payment_intent"]))


def _run(order: Order, status: RunStatus, *, upto: int = 6, reason: str = "") -> Run:
    run = Run.objects.create(
        saga=create_order.name,
        key=str(order.id),
        status=status,
        position=create_order.length + 1 if status == RunStatus.COMPLETED else 0,
        facts={"order_id": str(order.id), "total": order.total, "currency": order.currency},
        fingerprint=create_order.fingerprint,
        reason=reason,
        ended_at=timezone.now(),
    )
    for position in range(1, upto + 1):
        log(run, position, StepState.DONE)
    return run


def _delivered(order: Order, as_far_as: OrderStatus = OrderStatus.DELIVERED) -> Order:
    """Its runner has it, or has brought it."""
    runner_id = a_person(Role.RUNNER).id
    orders.assign(order_id=order.id, runner_id=runner_id)
    scheduler.cancel_order_timeout(order_id=order.id)
    for step in DELIVERING[1 : DELIVERING.index(as_far_as) + 1]:
        orders.advance(order_id=order.id, runner_id=runner_id, to=step)
    order.refresh_from_db()
    return order


def _parties(order: Order) -> dict[str, Any]:
    return {
        "order_id": order.id,
        "restaurant_id": order.restaurant_id,
        "runner_id": order.runner_id,
    }


def _payee(order: Order, leg: Leg) -> tuple[UUID, Code]:
    if leg is Leg.RESTAURANT:
        return order.restaurant_id, Code.RESTAURANT_PAYABLE
    assert order.runner_id is not None
    return order.runner_id, Code.RUNNER_PAYABLE


def _done(kind: str, **other: Any) -> Reply:
    return Reply(Outcome.SUCCEEDED, object_id=f"{kind}_{new_id().hex}", **other)


def _ended(order: Order, saga: str, status: RunStatus = RunStatus.COMPLETED) -> None:
    ended_at = None if status == RunStatus.PARKED else timezone.now()
    Run.objects.create(saga=saga, key=str(order.id), status=status, ended_at=ended_at)
    order.refresh_from_db()
