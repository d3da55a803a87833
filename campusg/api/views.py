"""The way in for people, and the answer for every path that doesn't exist."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

LISTS = (
    "restaurants", "orders", "open-orders", "history", "sagas", "payments", "escrow", "events",
    "token", "schema", "docs",
)  # fmt: skip


class Root(APIView):
    """Food from a campus kitchen to your door, each order a saga. Log in above; then order."""

    permission_classes = (AllowAny,)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:
        """Where everything is."""
        return Response({name: reverse(name, request=request) for name in LISTS})


class NoSuchPath(APIView):
    """Anything under /api/ that isn't there: a problem like every other."""

    permission_classes = (AllowAny,)
    throttle_classes = ()
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """404 for every method, so that nothing is told about which ones exist."""
        super().initial(request, *args, **kwargs)
        raise Http404
