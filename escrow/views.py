"""Escrow over HTTP: to look at, and to move by hand."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.permissions import sees_all
from escrow.models import Hold
from escrow.serializers import HoldSerializer, HoldsLooking
from sagas.manual import cancel_escrow, hold_escrow, release_escrow
from sagas.manual_views import ByHand


def seen_by(user: Any) -> QuerySet[Hold]:
    """Operators and services see every hold, customers those of their own orders."""
    return Hold.objects.all() if sees_all(user) else Hold.objects.filter(customer_id=user.pk)


class Holds(generics.ListAPIView):
    """What stands or stood in escrow, newest first."""

    serializer_class = HoldSerializer

    def get_queryset(self) -> QuerySet[Hold]:
        """What this user may see."""
        return HoldsLooking.narrow(seen_by(self.request.user), self.request)

    @extend_schema(parameters=[HoldsLooking])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """What stands or stood in escrow, newest first."""
        return super().get(request, *args, **kwargs)


class OneHold(generics.RetrieveAPIView):
    """The escrow of one order."""

    serializer_class = HoldSerializer

    def get_queryset(self) -> QuerySet[Hold]:
        """What this user may see."""
        return seen_by(self.request.user)


class Set(ByHand):
    """Set aside, in the books, what is held on an order's card."""

    saga = hold_escrow


class Release(ByHand):
    """Owe a delivered order's captured money to restaurant, runner and platform."""

    saga = release_escrow


class Cancel(ByHand):
    """Put back what is set aside for an order that comes to nothing."""

    saga = cancel_escrow
