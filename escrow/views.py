"""Escrow over HTTP, to look at."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.permissions import sees_all
from escrow.models import Hold
from escrow.serializers import HoldSerializer, HoldsLooking


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
