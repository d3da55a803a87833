"""Runs over HTTP: where every saga stands, and how to stop one while it can be stopped."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet, TextField, Value
from django.db.models.functions import Cast, Concat
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.idempotency import idempotent
from campusg.api.permissions import sees_all
from campusg.api.serializers import ReasonSerializer
from campusg.errors import Conflict
from orders.selectors import visible_to
from sagas.answering import PREFER, outcome, status_of
from sagas.create_order import create_order
from sagas.engine.starting import compensate
from sagas.models import Run
from sagas.serializers import RunSerializer, RunsLooking, RunSummarySerializer


def seen_by(user: Any) -> QuerySet[Run]:
    """Operators and services see every run; others those about orders of theirs: by the order,
    by who accepted it, and a payout by whom it pays."""
    runs = Run.objects.prefetch_related("steps")
    if sees_all(user):
        return runs
    own = visible_to(user).order_by()
    order, runner = Cast("pk", TextField()), Cast("runner_id", TextField())
    accepting = own.exclude(runner=None).values(of_run=_joined(order, Value(":"), runner))
    paid = own.filter(runner=user.pk).values(of_run=_joined(order, Value(":runner")))
    fed = own.filter(restaurant__owner=user.pk)
    keys = own.values(of_run=order).union(
        accepting, paid, fed.values(of_run=_joined(order, Value(":restaurant"))), all=True
    )
    return runs.filter(key__in=keys)


def _joined(*parts: Any) -> Concat:
    return Concat(*parts, output_field=TextField())


class Runs(generics.ListAPIView):
    """Runs of sagas, newest first."""

    serializer_class = RunSummarySerializer

    def get_queryset(self) -> QuerySet[Run]:
        """What this user may see."""
        return RunsLooking.narrow(seen_by(self.request.user), self.request)

    @extend_schema(parameters=[RunsLooking])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Runs of sagas, newest first."""
        return super().get(request, *args, **kwargs)


class OneRun(generics.RetrieveAPIView):
    """One run: its steps, why it stands where it stands, and what happens next by itself."""

    serializer_class = RunSerializer

    def get_queryset(self) -> QuerySet[Run]:
        """What this user may see."""
        return seen_by(self.request.user)


class NotCancellable(Conflict):
    """Only an order still being created is taken back by stopping its run."""

    code = "not_cancellable"


class CancelRun(generics.GenericAPIView):
    """Take back an order that is still being created: every step begun is undone, last one first.
    Past its pivot, or for any other saga, 409: cancel the order itself."""

    roles = {"POST": ("customer", "ops", "service")}
    serializer_class = ReasonSerializer

    def get_queryset(self) -> QuerySet[Run]:
        """Operators' and services' are all; customers' those of orders that they placed."""
        user = self.request.user
        if sees_all(user):
            return seen_by(user)
        placed = visible_to(user).filter(customer_id=user.pk).order_by()
        return seen_by(user).filter(key__in=placed.values(of_run=Cast("pk", TextField())))

    # Described by the docstring of the class.
    @extend_schema(
        parameters=[PREFER],
        responses={
            200: OpenApiResponse(RunSerializer, description="Waited: it is over."),
            202: OpenApiResponse(RunSerializer, description="It is being taken back."),
        },
    )
    def post(self, request: Request, pk: UUID) -> Response:
        response = self.begin(request, pk)
        run = outcome(request, response, pk)
        if run is not None:
            response.data, response.status_code = self._shown(run), status_of(run)
        return response

    @idempotent
    def begin(self, request: Request, pk: UUID) -> Response:
        """Turn the run round."""
        run = self.get_object()
        wanted = ReasonSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        if run.saga != create_order.name:
            raise NotCancellable(f"A run of {run.saga} is not cancelled; cancel its order.")
        run = compensate(run.pk, f"Cancelled on request: {wanted.validated_data['reason']}")
        return Response(self._shown(run), status_of(run))

    def _shown(self, run: Run) -> dict[str, Any]:
        context = self.get_serializer_context()
        shown: dict[str, Any] = RunSerializer(run, context=context).data
        return shown
