"""One order in the midst of its life, with everybody who has to do with it and everybody else."""

from dataclasses import dataclass, field

from django.db.models.functions import Now

from escrow.models import Hold
from orders.models import Order
from payments.models import Payment, PaymentStatus
from sagas.create_order import create_order
from sagas.models import Run, RunStatus, StepLog, StepState
from scheduler.services import start_order_timeout
from tests.factories import a_customer, a_person, an_order
from users.models import Role, User


@dataclass
class World:
    """`people` by what they are to the order; `ids` are the order's and all that hangs on it."""

    order: Order
    people: dict[str, User | None]
    ids: dict[str, object] = field(default_factory=dict)


def an_accepted_order(customer: User) -> Order:
    """Of `customer`, with a kitchen and a runner."""
    order = an_order(customer)
    Order.objects.filter(pk=order.pk).update(status="CREATED", version=2, created_at=Now())
    runner = a_person(Role.RUNNER)
    moved = {"status": "ACCEPTED", "version": 3, "accepted_at": Now(), "runner": runner}
    Order.objects.filter(pk=order.pk).update(**moved)
    order.refresh_from_db()
    return order


def a_world() -> World:
    customer = a_customer()
    order = an_accepted_order(customer)
    return World(
        order,
        people={
            "nobody": None,
            "customer": customer,
            "other customer": a_customer(),
            "runner": order.runner,
            "other runner": a_person(Role.RUNNER),
            "kitchen": order.restaurant.owner,
            "other kitchen": a_person(Role.RESTAURANT),
            "ops": a_person(Role.OPS),
            "service": a_person(Role.SERVICE),
        },
        ids=what_hangs_on(order),
    )


def what_hangs_on(order: Order) -> dict[str, object]:
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
