"""Accounts over HTTP: tokens, the form to sign in with, and who somebody is."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework_simplejwt.views import TokenObtainPairView, TokenRefreshView

from campusg.api.throttles import wait_for
from users.models import Role, User
from users.serializers import PairSerializer, RefreshSerializer, UserSerializer


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


class SignIn(LoginView):
    """The browsable API's own form, counted like a token request."""

    template_name = "rest_framework/login.html"
    next_page = "api-root"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign in, at most so often a minute."""
        who = f"{request.META['REMOTE_ADDR']}:{request.POST.get('username', '')[:150]}"
        seconds = wait_for("login", who)
        if seconds:
            told = "Too many tries; wait a moment."
            return HttpResponse(told, status=429, headers={"Retry-After": str(seconds)})
        return super().post(request, *args, **kwargs)


class OneUser(generics.RetrieveAPIView):
    """An account: yours, or for operators anybody's."""

    serializer_class = UserSerializer

    def get_queryset(self) -> QuerySet[User]:
        """What this user may see."""
        users = User.objects.select_related("saved_card")
        me = self.request.user
        assert isinstance(me, User)
        return users if me.is_superuser or me.has_role(Role.OPS) else users.filter(pk=me.pk)
