"""Where Stripe tells us of events: no account, no CSRF token, only a signature over the body."""

from django.core.exceptions import RequestDataTooBig
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from campusg.api.throttles import wait_for
from payments import webhooks


class OfAll(BaseThrottle):
    """One rate for all that Stripe sends, from however many addresses."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Stripe sends what is refused again, and the rest is fetched from its list."""
        self._wait = wait_for("webhook", "stripe")
        return self._wait == 0

    def wait(self) -> float:
        """Seconds until the window ends."""
        return self._wait


class Webhook(APIView):
    """Events of our own account at Stripe. For Stripe only."""

    authentication_classes = ()
    permission_classes = (AllowAny,)
    throttle_classes = (OfAll,)
    renderer_classes = (JSONRenderer,)
    endpoint = webhooks.Endpoint.PLATFORM
    problems = {"POST": {"400": "Not signed by Stripe, or no event."}}

    @extend_schema(
        request={"application/json": {"type": "object"}},
        responses={200: OpenApiResponse(description="Kept; it is followed soon.")},
        auth=[],
    )
    def post(self, request: Request) -> Response:
        """Keep an event, once. Only a signature that is right, and fresh, is answered with 200."""
        # The bytes as they came: the signature is over these and no others.
        body = request.stream.read(webhooks.BODY_MAX + 1) if request.stream else b""
        if len(body) > webhooks.BODY_MAX:
            raise RequestDataTooBig
        webhooks.receive(body, request.headers.get("Stripe-Signature", ""), self.endpoint)
        return Response(status=status.HTTP_200_OK)


class ConnectWebhook(Webhook):
    """Events of the accounts connected to ours. For Stripe only."""

    endpoint = webhooks.Endpoint.CONNECT
