"""Orders, restaurants and menus over HTTP."""

from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Cast
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from campusg.api import versions
from campusg.api.idempotency import idempotent
from campusg.api.pagination import NewestFirst
from campusg.ids import new_id
from orders import services
from orders.models import Order, Restaurant
from orders.selectors import history_of, open_to, rating_of, totals_of, visible_to
from orders.serializers import (
    NewOrderSerializer,
    OpenOrderSerializer,
    OrderAndRunSerializer,
    OrderSerializer,
    OrdersLooking,
    PastOrderSerializer,
    PinSerializer,
    RestaurantSerializer,
    RestaurantWithMenuSerializer,
)
from orders.states import UNPAID, OrderStatus
from sagas.admitting import refuse_without_stripe
from sagas.answering import PREFER, outcome
from sagas.create_order import create_order
from sagas.engine.starting import start
from sagas.models import Run


def with_runs(orders: QuerySet[Order]) -> QuerySet[Order]:
    """The same orders with their lines and the run that creates each."""
    run = Run.objects.filter(saga=create_order.name, key=Cast(OuterRef("pk"), TextField()))
    newest = Subquery(run.order_by("-id").values("id")[:1])
    return orders.annotate(run_id=newest).prefetch_related("items")


def seen_by(user: Any) -> QuerySet[Order]:
    """The orders this user may see."""
    return with_runs(visible_to(user))


class Orders(generics.ListAPIView):
    """Your orders, newest first. Post one to order: it is then created step by step."""

    roles = {"POST": ("customer",)}
    throttle_scopes = {"POST": "orders"}

    def get_serializer_class(self) -> Any:
        """What is posted differs from what is listed."""
        return NewOrderSerializer if self.request.method == "POST" else OrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """What this user may see."""
        return OrdersLooking.narrow(seen_by(self.request.user), self.request)

    @extend_schema(parameters=[OrdersLooking])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your orders, newest first."""
        return super().get(request, *args, **kwargs)

    @extend_schema(
        parameters=[PREFER],
        request=NewOrderSerializer,
        responses={
            202: OpenApiResponse(OrderAndRunSerializer, description="Placed; watch `status_url`."),
            201: OpenApiResponse(OrderAndRunSerializer, description="Waited: created, money held."),
            200: OpenApiResponse(OrderAndRunSerializer, description="Waited: it was cancelled."),
        },
    )
    def post(self, request: Request) -> Response:
        """Place an order: 202, or with `Prefer: wait=N` its outcome if that comes in time.

        The answer to a wait is the order as it then stands: 201 when it is created, 200 when it
        was cancelled, with `run.why` saying why; 202 when there is no outcome yet.
        """
        response = self.place(request)
        run = outcome(request, response, UUID(str(response.data["run"]["id"])))
        if run is not None:
            response.data = self._placed(UUID(str(response.data["order"]["id"])), run)
            response.status_code = _outcome(response.data["order"]["status"])
        return response

    @idempotent
    def place(self, request: Request) -> Response:
        """Start create_order; what its leading local steps refuse is the answer."""
        refuse_without_stripe()
        wanted = NewOrderSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        order_id = new_id()
        run = start(
            create_order,
            str(order_id),
            order_id=order_id,
            customer_id=request.user.pk,
            **wanted.requested,
        )
        body = self._placed(order_id, run)
        headers = {"Location": body["status_url"]}
        return Response(body, status.HTTP_202_ACCEPTED, headers=headers)

    def _placed(self, order_id: UUID, run: Run) -> dict[str, Any]:
        placed = {
            "order": seen_by(self.request.user).get(pk=order_id),
            "run": run,
            "status_url": reverse("order", [order_id], request=self.request),
        }
        shown: dict[str, Any] = OrderAndRunSerializer(
            placed, context=self.get_serializer_context()
        ).data
        return shown


class OneOrder(generics.RetrieveAPIView):
    """One order. Its ETag is its version."""

    serializer_class = OrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """What this user may see."""
        return seen_by(self.request.user)

    @extend_schema(
        parameters=[versions.IF_NONE_MATCH],
        responses={200: OrderSerializer, 304: OpenApiResponse(description="Still that version.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The order as it stands, or 304 while it still has the version of If-None-Match."""
        order = self.get_object()
        headers = {"ETag": versions.etag(order.version)}
        if versions.is_known(request, order.version) and request.accepted_renderer.format != "api":
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(self.get_serializer(order).data, headers=headers)


class OpenOrders(generics.ListAPIView):
    """Orders that wait for a runner: the first to accept one gets it."""

    roles = {"GET": ("runner", "ops", "service")}
    serializer_class = OpenOrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """Nobody delivers what they ordered themselves."""
        return open_to(self.request.user).select_related("restaurant")


class PagesWithTotals(NewestFirst):
    """Each page tells what all of them come to."""

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        """As any page's, and the totals."""
        page = super().get_paginated_response_schema(schema)
        kinds = {"currency": "string", "amount": "integer", "orders": "integer"}
        total = _object({name: {"type": kind} for name, kind in kinds.items()})
        sums = {"type": "array", "items": total}
        totals = _object({"spent": sums, "earned": sums})
        rating = _object({"stars": {"type": ["number", "null"]}, "ratings": {"type": "integer"}})
        return _object(page["properties"] | {"totals": totals, "rating": rating})


class History(generics.ListAPIView):
    """What you ordered and delivered, once it is over, what you paid and earned, and how the others
    found you."""

    serializer_class = PastOrderSerializer
    pagination_class = PagesWithTotals

    def get_queryset(self) -> QuerySet[Order]:
        """As customer and as runner."""
        return with_runs(history_of(self.request.user))

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Your past orders, newest first, the totals of all of them, and your rating."""
        page = super().get(request, *args, **kwargs)
        page.data["totals"] = totals_of(request.user)
        page.data["rating"] = rating_of(request.user)
        return page


class Pin(generics.RetrieveAPIView):
    """Your hand-over PIN: tell it to the runner at your door, and to nobody before."""

    roles = {"GET": ("customer",)}
    serializer_class = PinSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """One's own orders only; operators have no business with a PIN."""
        return Order.objects.filter(customer_id=self.request.user.pk)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Six digits."""
        order = self.get_object()
        pin = services.pin_of(order_id=order.pk, customer_id=order.customer_id)
        return Response(PinSerializer({"pin": pin}).data)


class Restaurants(generics.ListAPIView):
    """Where one can order."""

    serializer_class = RestaurantSerializer
    queryset = Restaurant.objects.all()


class OneRestaurant(generics.RetrieveAPIView):
    """A restaurant and its menu."""

    serializer_class = RestaurantWithMenuSerializer
    queryset = Restaurant.objects.prefetch_related("menu")


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _outcome(order_status: str) -> int:
    """The HTTP status that tells what became of an order whose run has come to rest."""
    if order_status in UNPAID:
        return status.HTTP_202_ACCEPTED  # parked: a person will see to it
    if order_status == OrderStatus.CANCELLED:
        return status.HTTP_200_OK
    return status.HTTP_201_CREATED
