"""An order as one page for a person: where it stands, what it costs, how it came there.

The page is whole without a script. With one it follows the order's stream, and asks for itself
again when something has happened: there is one template, on the server.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from campusg.api.permissions import sees_all
from campusg.ids import new_id
from campusg.money import formatted
from events.catalogue import EVENTS
from events.reading import Happened, happened_to
from orders import services
from orders.acting import part_in
from orders.cancelling import TABLE
from orders.models import Order
from orders.selectors import ENDED, visible_to
from orders.states import UNPAID, OrderStatus, timestamp_of
from sagas.answering import RESTED
from sagas.engine.telling import tell
from sagas.engine.timeline import timeline
from sagas.models import Run

S = OrderStatus

#: What each status means to whoever waits for the food.
MEANING = {
    S.PENDING: "We are asking the bank to set the money aside.",
    S.AWAITING_PAYMENT: "The bank wants the customer to confirm the payment.",
    S.CREATED: "The money is set aside. We are looking for a runner.",
    S.ACCEPTED: "A runner has taken the order.",
    S.PLACED: "The kitchen is cooking.",
    S.ON_THE_WAY: "The runner is on the way.",
    S.DELIVERED: "The runner is at the door.",
    S.COMPLETING: "Handed over. We are paying everybody.",
    S.COMPLETED: "Handed over and paid.",
    S.COMPLETED_UNPAID: "Handed over, but the payment was declined.",
    S.CANCELLING: "The order is being called off.",
    S.CANCELLED: "The order was called off.",
}
#: The way that an order takes when nothing goes wrong.
WAY = (S.PENDING, S.CREATED, S.ACCEPTED, S.PLACED, S.ON_THE_WAY, S.DELIVERED, S.COMPLETED)
#: What others than operators care for in an order's history.
HISTORY = ("order.", "payment.")
#: The page needs its own script and style, its stream, and nothing else from anywhere.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Stop:
    """One stop on an order's way; `at` is when it was reached, `now` whether it stands there."""

    name: str
    at: datetime | None
    now: bool


@require_safe
@never_cache
@login_required(login_url="rest_framework:login")
def order_page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The page; 404 for whoever may not see the order."""
    user: Any = request.user
    orders = visible_to(user).select_related("restaurant").prefetch_related("items")
    order = get_object_or_404(orders, pk=pk)
    page = render(request, "orders/page.html", _shown(order, user, happened_to(order.pk)))
    page["Content-Security-Policy"] = POLICY
    return page


def _shown(order: Order, user: Any, events: list[Happened]) -> dict[str, Any]:
    ops = sees_all(user)
    return {
        "order": order,
        "meaning": MEANING[S(order.status)],
        "ended": order.status in ENDED,
        "way": _way(order),
        "lines": [(item, formatted(item.line_total, order.currency)) for item in order.items.all()],
        "sums": [
            (name, formatted(getattr(order, field), order.currency))
            for name, field in (("Delivery", "delivery_fee"), ("Service", "platform_fee"))
        ],
        "total": formatted(order.total, order.currency),
        "pin": _pin(order, user),
        "may_cancel": _may_cancel(order, user),
        "key": new_id().hex,
        "history": [
            (event, EVENTS[event.type].description)
            for event in events
            if event.type in EVENTS and (ops or event.type.startswith(HISTORY))
        ],
        "runs": [_run(run) for run in _runs(order)] if ops else [],
        # By its number: an old order's first events may have been purged.
        "stream": f"{reverse('order-stream', args=[order.pk])}?last_event_id={_last(events)}",
        "events": json.dumps([*EVENTS, "step", "run"]),
    }


def _last(events: list[Happened]) -> int:
    """The version that the page shows already; 0 if it shows none."""
    return events[-1].version if events else 0


def _way(order: Order) -> list[Stop]:
    """Every stop that it came by, where it stands, and, while it goes on, what is still to come."""
    at = {status: getattr(order, timestamp_of(status)) for status in S}
    off_the_way = order.status not in WAY
    reached = [status for status in WAY if at[status]]
    ahead = [] if order.status in (*ENDED, S.CANCELLING) else [s for s in WAY if not at[s]]
    stops = [*reached, *([S(order.status)] if off_the_way else []), *ahead]
    return [Stop(S(status).label, at[status], status == order.status) for status in stops]


def _pin(order: Order, user: Any) -> str:
    """For the customer alone, while there is somebody to tell it to."""
    if order.customer_id != user.pk or order.status in (*UNPAID, *ENDED):
        return ""
    return services.pin_of(order_id=order.pk, customer_id=order.customer_id)


def _may_cancel(order: Order, user: Any) -> bool:
    by = part_in(order, user)
    if order.status in UNPAID:
        return by in ("customer", "ops")
    return by is not None and (S(order.status), by) in TABLE


def _runs(order: Order) -> list[Run]:
    """Everything that was begun for it, the newest first."""
    return list(Run.objects.filter(key__startswith=str(order.pk)).prefetch_related("steps"))


def _run(run: Run) -> dict[str, Any]:
    live = run.status not in RESTED
    stream = reverse("saga-stream", args=[run.pk]) if live else ""
    return {"run": run, "told": tell(run), "rows": timeline(run), "stream": stream}
