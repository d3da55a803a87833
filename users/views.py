"""Accounts over HTTP: tokens, how often one may try to sign in, and who somebody is."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from campusg.api.throttles import wait_for
from users.models import Role, User
from users.serializers import PairSerializer, RefreshSerializer, UserSerializer

View = Callable[..., HttpResponseBase]


class Token(TokenObtainPairView):
    """Send username and password, get an access and a refresh token."""

    throttle_scopes = {"POST": "login"}

    @extend_schema(responses={200: PairSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Sign in."""
        return super().post(request, *args, **kwargs)

    def throttle_about(self, request: Request) -> str:
        """Counted by address and account together, so that nobody can lock somebody else out."""
        data = request.data if hasattr(request.data, "get") else {}
        return str(data.get("username", ""))[:150]


class RefreshToken(TokenRefreshView):
    """Send a refresh token, get a new pair; each refresh token works once."""

    serializer_class = RefreshSerializer

    @extend_schema(responses={200: PairSerializer})
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Stay signed in."""
        return super().post(request, *args, **kwargs)


def counted(form: View) -> View:
    """A form to sign in with, each try of which counts like a token request."""

    @wraps(form)
    def view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            address = BaseThrottle().get_ident(request)  # type: ignore[arg-type]
            seconds = wait_for("login", f"{address}:{request.POST.get('username', '')[:150]}")
            if seconds:
                told = "Too many tries; wait a moment."
                return HttpResponse(told, status=429, headers={"Retry-After": str(seconds)})
        return form(request, *args, **kwargs)

    return view


class OneUser(generics.RetrieveAPIView):
    """An account: yours, or for operators anybody's."""

    serializer_class = UserSerializer

    def get_queryset(self) -> QuerySet[User]:
        """What this user may see."""
        users = User.objects.select_related("saved_card")
        me = self.request.user
        assert isinstance(me, User)
        return users if me.is_superuser or me.has_role(Role.OPS) else users.filter(pk=me.pk)
