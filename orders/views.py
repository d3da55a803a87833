"""Orders, restaurants and menus over HTTP."""

import re
import time
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery, TextField
from django.db.models.functions import Cast
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from campusg.api.idempotency import idempotent
from campusg.ids import new_id
from orders.models import Order, Restaurant
from orders.selectors import visible_to
from orders.serializers import (
    NewOrderSerializer,
    OrderSerializer,
    OrdersLooking,
    PlacedSerializer,
    RestaurantSerializer,
    RestaurantWithMenuSerializer,
)
from orders.states import UNPAID, OrderStatus
from sagas.create_order import create_order
from sagas.engine.starting import start
from sagas.models import ACTIVE, Run

WAIT_MAX_SECONDS = 10
PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"`wait=N`: wait up to N seconds, {WAIT_MAX_SECONDS} at most, for the outcome.",
)
IF_NONE_MATCH = OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER)


def seen_by(user: Any) -> QuerySet[Order]:
    """The orders this user may see, with their lines and the run that creates each."""
    run = Run.objects.filter(saga=create_order.name, key=Cast(OuterRef("pk"), TextField()))
    newest = Subquery(run.order_by("-id").values("id")[:1])
    return visible_to(user).annotate(run_id=newest).prefetch_related("items")


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
            202: OpenApiResponse(PlacedSerializer, description="Placed; watch `status_url`."),
            201: OpenApiResponse(PlacedSerializer, description="Waited: created, money held."),
            200: OpenApiResponse(PlacedSerializer, description="Waited: it was cancelled."),
        },
    )
    def post(self, request: Request) -> Response:
        """Place an order: 202, or with `Prefer: wait=N` its outcome if that comes in time.

        The answer to a wait is the order as it then stands: 201 when it is created, 200 when it
        was cancelled, with `run.why` saying why; 202 when there is no outcome yet.
        """
        response = self.place(request)
        seconds = _preferred_wait(request)
        if not seconds:
            return response
        response["Preference-Applied"] = f"wait={seconds}"
        run = _rested(UUID(str(response.data["run"]["id"])), seconds)
        if run is not None:
            response.data = self._placed(UUID(str(response.data["order"]["id"])), run)
            response.status_code = _outcome(response.data["order"]["status"])
        return response

    @idempotent
    def place(self, request: Request) -> Response:
        """Start create_order; what its leading local steps refuse is the answer."""
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
        shown: dict[str, Any] = PlacedSerializer(placed, context=self.get_serializer_context()).data
        return shown


class OneOrder(generics.RetrieveAPIView):
    """One order. Its ETag is its version."""

    serializer_class = OrderSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """What this user may see."""
        return seen_by(self.request.user)

    @extend_schema(
        parameters=[IF_NONE_MATCH],
        responses={200: OrderSerializer, 304: OpenApiResponse(description="Still that version.")},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The order as it stands, or 304 while it still has the version of If-None-Match."""
        order = self.get_object()
        etag = f'"{order.version}"'
        known = request.headers.get("If-None-Match", "").replace("W/", "").split(",")
        if etag in (one.strip() for one in known) and request.accepted_renderer.format != "api":
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        return Response(self.get_serializer(order).data, headers={"ETag": etag})


class Restaurants(generics.ListAPIView):
    """Where one can order."""

    serializer_class = RestaurantSerializer
    queryset = Restaurant.objects.all()


class OneRestaurant(generics.RetrieveAPIView):
    """A restaurant and its menu."""

    serializer_class = RestaurantWithMenuSerializer
    queryset = Restaurant.objects.prefetch_related("menu")


def _outcome(order_status: str) -> int:
    """The HTTP status that tells what became of an order whose run has come to rest."""
    if order_status in UNPAID:
        return status.HTTP_202_ACCEPTED  # parked: a person will see to it
    if order_status == OrderStatus.CANCELLED:
        return status.HTTP_200_OK
    return status.HTTP_201_CREATED


def _preferred_wait(request: Request) -> int:
    """Seconds from `Prefer: wait=N` (RFC 7240 §4.3), as many of them as we grant."""
    asked = re.search(r"(?:^|[,;\s])wait=(\d{1,6})", request.headers.get("Prefer", ""))
    return min(int(asked[1]), WAIT_MAX_SECONDS) if asked else 0


def _rested(run_id: UUID, seconds: int) -> Run | None:
    """The run once it has come to rest; None if it has not within `seconds`."""
    end, pause = time.monotonic() + seconds, 0.01
    while True:
        run = Run.objects.exclude(status__in=ACTIVE).filter(pk=run_id).first()
        if run is not None or time.monotonic() + pause > end:
            return run
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
