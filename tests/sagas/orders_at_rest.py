"""Orders as their sagas leave them, made through the apps' own doors without a worker or Stripe."""

from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from campusg.ids import new_id
from escrow import services as escrow
from orders import services as orders
from orders.models import Order
from payments import services as payments
from payments.gateway import Outcome, Reply
from payments.operations import Call
from sagas.create_order import create_order
from sagas.models import Direction, Run, RunStatus, StepLog, StepState
from scheduler import services as scheduler
from tests.factories import an_order


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
