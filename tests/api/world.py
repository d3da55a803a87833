"""Orders in the midst of their lives, with all who have to do with them and everybody else."""

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models.functions import Now

from campusg.consumers import notifications as consumer
from escrow.models import Hold
from events.inbox import handle
from events.models import OutboxEvent
from notifications.models import Notification
from orders import services as orders
from orders.models import Order
from orders.states import DELIVERING, OrderStatus
from payments.models import Payment, PaymentStatus
from sagas.create_order import create_order
from sagas.models import Run, RunStatus, StepLog, StepState
from scheduler.services import start_order_timeout
from tests.factories import a_customer, a_person, an_order
from tests.notifications.events import an_event
from users.models import Role, Transfers, User
from users.services import save_payout_account

S = OrderStatus


@dataclass
class World:
    """`people` by what they are to the order; `ids`, by route, of what that route is about."""

    order: Order
    people: dict[str, User | None]
    ids: dict[str, UUID] = field(default_factory=dict)


def an_accepted_order(customer: User) -> Order:
    """Of `customer`, with a kitchen and a runner."""
    return delivered(customer, a_runner(), S.ACCEPTED)


def delivered(customer: User, runner: User, as_far_as: OrderStatus) -> Order:
    """An order that this runner has brought so far; CREATED, and it is still open."""
    order = an_order(customer)
    orders.mark_created(order_id=order.id)
    for step in DELIVERING[: DELIVERING.index(as_far_as) + 1] if as_far_as in DELIVERING else ():
        if step == S.ACCEPTED:
            orders.assign(order_id=order.id, runner_id=runner.id)
        else:
            orders.advance(order_id=order.id, runner_id=runner.id, to=step)
    order.refresh_from_db()
    return order


def a_completed_order(customer: User, runner: User, *, paid: bool = True) -> Order:
    """Delivered, and everybody is paid; or, unless `paid`, nobody."""
    order = delivered(customer, runner, S.DELIVERED)
    orders.begin_completing(order_id=order.id)
    orders.mark_completed(order_id=order.id, paid=paid)
    order.refresh_from_db()
    return order


def a_runner() -> User:
    """One who can be paid."""
    runner = a_person(Role.RUNNER)
    save_payout_account(
        user_id=runner.id, stripe_account_id=f"acct_{runner.id.hex}", transfers=Transfers.ACTIVE
    )
    return runner


def a_run_that_waits_for_the_card(customer: User) -> Run:
    """create_order as it stands while Stripe is asked."""
    order = an_order(customer)
    return Run.objects.create(
        saga=create_order.name,
        key=str(order.id),
        position=3,
        facts={"order_id": str(order.id), "customer_id": str(customer.id)},
        given_digest="0",
        fingerprint=create_order.fingerprint,
    )


def a_world() -> World:
    customer, runner = a_customer(), a_runner()
    order = delivered(customer, runner, S.ACCEPTED)
    save_payout_account(
        user_id=customer.id, stripe_account_id="acct_secret", transfers=Transfers.ACTIVE
    )
    ids = what_hangs_on(order)
    return World(
        order,
        people={
            "nobody": None,
            "customer": customer,
            "other customer": a_customer(),
            "runner": runner,
            "other runner": a_runner(),
            "kitchen": order.restaurant.owner,
            "other kitchen": a_person(Role.RESTAURANT),
            "ops": a_person(Role.OPS),
            "service": a_person(Role.SERVICE),
        },
        ids=ids
        | dict.fromkeys(
            ("pin", "progress", "cancel", "release", "order-payment", "order-stream"), order.id
        )
        | dict.fromkeys(("payment-method", "card-setup", "payout-account"), customer.id)
        | {
            "onboarding-link": runner.id,
            "accept": delivered(customer, runner, S.CREATED).id,
            "complete": delivered(customer, runner, S.DELIVERED).id,
            "settle": a_completed_order(customer, runner, paid=False).id,
            **dict.fromkeys(("rate", "refund"), a_completed_order(customer, runner).id),
            "cancel-saga": a_run_that_waits_for_the_card(customer).id,
            "begun": an_order(customer).id,
            "cancel-event": ids["due event"],
            "saga-stream": ids["saga"],
            "read-notification": told_of_the_runner(order),
            **dict.fromkeys(("order-notifications", "latest-notification"), order.id),
        },
    )


def told_of_the_runner(order: Order) -> UUID:
    """Every party of the order is told of it; the customer's notification."""
    handle(consumer, [an_event("order.accepted", order.id, runner_id=order.runner_id)])
    return Notification.objects.get(order_id=order.id, person=order.customer).id


def what_hangs_on(order: Order) -> dict[str, UUID]:
    """A finished run, a payment, a hold and a due event, as create_order leaves them."""
    run = Run.objects.create(
        saga=create_order.name,
        key=str(order.id),
        status=RunStatus.COMPLETED,
        position=7,
        facts={"order_id": str(order.id), "stripe_customer": "cus_secret"},
        given_digest="0",
        fingerprint=create_order.fingerprint,
        ended_at=Now(),
    )
    StepLog.objects.bulk_create(
        StepLog(run=run, position=at, participant=row.do.name, state=StepState.DONE, ended_at=Now())
        for at, row in enumerate(create_order.steps, 1)
    )
    payment = Payment.objects.create(
        order_id=order.id,
        customer_id=order.customer_id,
        amount=order.total,
        currency=order.currency,
        status=PaymentStatus.AUTHORIZED,
        payment_intent="pi_secret",
    )
    hold = Hold.objects.create(
        order_id=order.id,
        customer_id=order.customer_id,
        restaurant_id=order.restaurant_id,
        currency=order.currency,
        food_fee=order.food_fee,
        delivery_fee=order.delivery_fee,
        platform_fee=order.platform_fee,
        total=order.total,
    )
    due = start_order_timeout(order_id=order.id)["timeout_event_id"]
    return {
        "order": order.id,
        "saga": run.id,
        "payment": payment.id,
        "hold": hold.id,
        "due event": due,
        "user": order.customer_id,
        "restaurant": order.restaurant_id,
    }


def open_order(customer: User) -> Order:
    """An order that any runner may take."""
    return delivered(customer, a_runner(), S.CREATED)


def status_of(order: Order) -> tuple[str, UUID | None, int]:
    """Its status, runner and version, as the database has them now."""
    return Order.objects.values_list("status", "runner_id", "version").get(pk=order.pk)


def events_of(order: Order) -> list[str]:
    """What has happened to it, oldest first."""
    told = OutboxEvent.objects.filter(aggregateid=order.pk).order_by("aggversion")
    return list(told.values_list("type", flat=True))
