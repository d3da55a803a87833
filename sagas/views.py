"""Runs over HTTP: where every saga stands."""

from typing import Any

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.permissions import sees_all
from orders.selectors import visible_to
from sagas.models import Run
from sagas.serializers import RunSerializer, RunsLooking, RunSummarySerializer


def seen_by(user: Any) -> QuerySet[Run]:
    """Operators and services see every run; others those whose key is an order of theirs."""
    runs = Run.objects.prefetch_related("steps")
    if sees_all(user):
        return runs
    own = visible_to(user).order_by().annotate(as_key=Cast("pk", TextField()))
    return runs.filter(key__in=own.values("as_key"))


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
