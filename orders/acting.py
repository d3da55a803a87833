"""What people do to an order over HTTP: each act starts a saga, whose first steps decide it."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from campusg.api import versions
from campusg.api.idempotency import idempotent
from campusg.api.permissions import sees_all
from campusg.api.serializers import NothingSerializer, ReasonSerializer
from orders import services
from orders.cancelling import Who
from orders.models import Order
from orders.selectors import once_open, visible_to
from orders.serializers import (
    HandOverSerializer,
    OrderAndRunSerializer,
    OrderSerializer,
    ProgressSerializer,
    RatingSerializer,
    SettlingSerializer,
)
from orders.states import UNPAID, OrderStatus
from orders.views import seen_by, with_runs
from sagas.accept_order import accept_order
from sagas.answering import PREFER, RESTED, outcome
from sagas.cancel_order import cancel_order
from sagas.complete_order import complete_order
from sagas.create_order import create_order
from sagas.engine.starting import NoLiveRun, compensate, start
from sagas.models import ACTIVE, Run
from sagas.refund_order import refund_order
from sagas.release_runner import release_runner
from sagas.settle_claim import settle_claim


class Act(generics.GenericAPIView):
    """Something to do to one order. Of two that race the loser's 409 comes from the first step of
    its saga, in the transaction of its request: nothing else has changed."""

    serializer_class: Any = NothingSerializer
    #: Where the order stands once what was asked for is done, whatever is left to the saga then.
    reaches: tuple[OrderStatus, ...] = ()

    def get_queryset(self) -> QuerySet[Order]:
        """Whose orders may be acted on; others are 404."""
        return visible_to(self.request.user)

    # Described by the docstring of each class.
    @extend_schema(
        parameters=[PREFER, versions.IF_MATCH],
        responses={
            200: OpenApiResponse(OrderAndRunSerializer, description="Done; or taken back."),
            202: OpenApiResponse(OrderAndRunSerializer, description="Begun; watch `status_url`."),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        self.check(request)
        response = self.begin(request, pk)
        run = outcome(request, response, UUID(str(response.data["run"]["id"])))
        if run is not None:
            response.data = self.answer(pk, run)
            response.status_code = self.code(response.data)
        return response

    def check(self, request: Request) -> None:
        """What has to be looked at before the request's transaction begins."""

    @idempotent
    def begin(self, request: Request, pk: UUID) -> Response:
        """Start the saga; what its leading local steps refuse is the answer."""
        order = self.get_object()
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        versions.require(request, order.version)
        run = self.start(order, wanted.validated_data)
        body = self.answer(pk, run)
        _require_no_move_but_ours(request, body["order"]["version"])
        return Response(body, self.code(body), headers={"Location": body["status_url"]})

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """Begin what this act is about."""
        raise NotImplementedError

    def code(self, answer: dict[str, Any]) -> int:
        """200 when there is nothing left to wait for, else 202."""
        done = answer["order"]["status"] in self.reaches or answer["run"]["status"] in RESTED
        return status.HTTP_200_OK if done else status.HTTP_202_ACCEPTED

    def answer(self, order_id: UUID, run: Run) -> dict[str, Any]:
        """The order as it stands now, also for somebody whom it no longer concerns."""
        told = {
            "order": with_runs(Order.objects.all()).get(pk=order_id),
            "run": run,
            "status_url": reverse("order", [order_id], request=self.request),
        }
        shown: dict[str, Any] = OrderAndRunSerializer(
            told, context=self.get_serializer_context()
        ).data
        return shown


class Accept(Act):
    """Take an order to deliver: the first runner gets it, every other 409."""

    roles = {"POST": ("runner",)}
    throttle_scopes = {"POST": "accept"}
    reaches = (OrderStatus.ACCEPTED,)

    def get_queryset(self) -> QuerySet[Order]:
        """Whatever a runner may have seen as open; somebody else's by now is 409, not 404."""
        return once_open()

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """The runner is whoever asks."""
        runner_id = self.request.user.pk
        key = f"{order.pk}:{runner_id}"
        return start(accept_order, key, order_id=order.pk, runner_id=runner_id)


class Release(Act):
    """Back out of a delivery while the kitchen has not begun: the order is open again."""

    roles = {"POST": ("runner",)}
    reaches = (OrderStatus.CREATED,)

    def get_queryset(self) -> QuerySet[Order]:
        """One's own deliveries."""
        return _deliveries_of(self.request.user)

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """The runner is whoever asks."""
        runner_id = self.request.user.pk
        return start(release_runner, str(order.pk), order_id=order.pk, runner_id=runner_id)


class Complete(Act):
    """Hand over: the runner sends the customer's PIN, and everybody is paid. 5 wrong PINs lock it;
    an operator then sends a reason instead, and the reason is kept."""

    roles = {"POST": ("runner", "ops")}
    serializer_class = HandOverSerializer
    reaches = (OrderStatus.COMPLETED, OrderStatus.COMPLETED_UNPAID)

    def get_queryset(self) -> QuerySet[Order]:
        """A runner's own deliveries; a customer who runs as well doesn't complete their own."""
        user: Any = self.request.user
        return visible_to(user) if sees_all(user) else _deliveries_of(user)

    def check(self, request: Request) -> None:
        """The PIN, so that a wrong try stays counted whatever becomes of the rest."""
        order = self.get_object()
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if "pin" in wanted.validated_data:
            services.check_pin(order_id=order.pk, pin=wanted.validated_data["pin"])

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """The PIN has been checked; a reason in its stead is recorded."""
        if "reason" in wanted:
            user: Any = self.request.user
            services.override_pin(order_id=order.pk, by_user_id=user.pk, reason=wanted["reason"])
        return start(complete_order, str(order.pk), order_id=order.pk)


def part_in(order: Order, user: Any) -> Who | None:
    """What the user is to this order; None for a kitchen, which only looks."""
    if order.customer_id == user.pk:
        return "customer"
    if order.runner_id == user.pk:
        return "runner"
    return None if {"ops", "service"}.isdisjoint(user.roles) else "ops"


class Cancel(Act):
    """Call an order off. Who may, in which state, and who is paid all the same is one table; an
    order still being created is taken back step by step."""

    roles = {"POST": ("customer", "runner", "ops", "service")}
    serializer_class = ReasonSerializer
    reaches = (OrderStatus.CANCELLED,)

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """Turn creation round while it can be, else start a saga of its own."""
        by, reason = part_in(order, self.request.user), wanted["reason"]
        if by is None:
            raise PermissionDenied
        if order.status in UNPAID:
            creating = Run.objects.filter(
                saga=create_order.name, key=str(order.pk), status__in=ACTIVE
            ).first()
            try:
                if creating is not None:
                    return compensate(creating.pk, f"The {by} called it off: {reason}")
            except NoLiveRun:
                pass  # It was created a moment ago.
        return start(cancel_order, str(order.pk), order_id=order.pk, by=by, reason=reason)


class Refund(Act):
    """Give a completed order's customer all their money back. Payees pay back what they were paid,
    as far as their accounts still hold it; the rest they owe. Above MONEY_BY_HAND_LIMITS somebody
    else has to agree first, at /api/approvals."""

    roles = {"POST": ("ops",)}
    serializer_class = ReasonSerializer

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """Money moves back in the opposite order."""
        user: Any = self.request.user
        return start(
            refund_order,
            str(order.pk),
            order_id=order.pk,
            by_user_id=user.pk,
            reason=wanted["reason"],
        )


class Settle(Act):
    """Settle what a customer owes whose card refused after the delivery: the saved card is charged
    once more, or the platform bears it; either way restaurant and runner are paid."""

    roles = {"POST": ("ops",)}
    serializer_class = SettlingSerializer
    reaches = (OrderStatus.COMPLETED,)

    def start(self, order: Order, wanted: dict[str, Any]) -> Run:
        """The amount is the order's total."""
        return start(settle_claim, str(order.pk), order_id=order.pk, **wanted)


class Progress(generics.GenericAPIView):
    """How far a delivery has come, as its runner says."""

    roles = {"PUT": ("runner",)}
    serializer_class = ProgressSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """One's own deliveries."""
        return _deliveries_of(self.request.user)

    @extend_schema(parameters=[versions.IF_MATCH], responses=OrderSerializer)
    @transaction.atomic
    def put(self, request: Request, pk: UUID) -> Response:
        """ACCEPTED → PLACED → ON_THE_WAY → DELIVERED, one step; the same again changes nothing."""
        user: Any = request.user
        versions.require(request, self.get_object().version)
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        to = OrderStatus(wanted.validated_data["status"])
        services.advance(order_id=pk, runner_id=user.pk, to=to)
        order = seen_by(user).get(pk=pk)
        _require_no_move_but_ours(request, order.version)
        shown = OrderSerializer(order, context=self.get_serializer_context()).data
        return Response(shown, headers={"ETag": versions.etag(order.version)})


class Rate(generics.GenericAPIView):
    """Say how it was: the customer rates the runner, the runner the customer, each once."""

    roles = {"POST": ("customer", "runner")}
    serializer_class = RatingSerializer

    def get_queryset(self) -> QuerySet[Order]:
        """One's own, from either side of the door."""
        user: Any = self.request.user
        return Order.objects.filter(Q(customer_id=user.pk) | Q(runner_id=user.pk))

    # Described by the docstring of the class.
    @extend_schema(responses={201: RatingSerializer})
    @idempotent
    def post(self, request: Request, pk: UUID) -> Response:
        user: Any = request.user
        order = self.get_object()
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.rate(order_id=order.pk, by_user_id=user.pk, **wanted.validated_data)
        return Response(wanted.data, status.HTTP_201_CREATED)


def _deliveries_of(user: Any) -> QuerySet[Order]:
    return Order.objects.filter(runner_id=user.pk)


def _require_no_move_but_ours(request: Request, version: int) -> None:
    """Our own move has locked the row and raised its version by one, so now it is certain."""
    versions.require(request, version - 1, version)
