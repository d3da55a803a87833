"""Money moved by hand over HTTP: what `sagas.manual` has, one endpoint each; and the second
person's agreement."""

from typing import Any, ClassVar, cast
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import generics, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.idempotency import idempotent
from campusg.api.serializers import ReasonSerializer
from orders.services import MOVES, money_by_hand
from sagas.answering import PREFER, outcome, status_of
from sagas.approvals import GOOD_FOR, approve
from sagas.engine import Saga
from sagas.engine.starting import start
from sagas.serializers import RunSerializer


class ByHandSerializer(ReasonSerializer):
    """Which order's money, and why. How much it is, the order itself says."""

    order_id = serializers.UUIDField()


class ByHand(generics.GenericAPIView):
    """For services and operators, each time with a reason that is kept with the run."""

    roles: ClassVar[dict[str, tuple[str, ...]]] = {"POST": ("ops", "service")}
    problems = {"POST": {"404": "No such order."}}
    serializer_class = ByHandSerializer
    saga: Saga

    # Described by the docstring of each class.
    @extend_schema(
        parameters=[PREFER],
        responses={
            200: OpenApiResponse(RunSerializer, description="It has ended."),
            202: OpenApiResponse(RunSerializer, description="Begun; watch `url`."),
        },
    )
    def post(self, request: Request) -> Response:
        response = self.begin(request)
        run = outcome(request, response, UUID(str(response.data["id"])))
        if run is not None:
            response.data, response.status_code = self._shown(run), status_of(run)
        return response

    @idempotent
    def begin(self, request: Request) -> Response:
        """Start the saga."""
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        order_id, user = wanted.validated_data["order_id"], cast(Any, request.user)
        facts = {"move": self.saga.name, "by_user_id": user.pk, **wanted.validated_data}
        run = start(self.saga, str(order_id), **facts)
        shown = self._shown(run)
        return Response(shown, status_of(run), headers={"Location": shown["url"]})

    def _shown(self, run: Any) -> dict[str, Any]:
        shown: dict[str, Any] = RunSerializer(run, context=self.get_serializer_context()).data
        return shown


class ApprovalSerializer(ByHandSerializer):
    """Which move of which order's money may be made by somebody else, and why."""

    move = serializers.ChoiceField(MOVES)


class ApprovedSerializer(serializers.Serializer):
    """What is approved; `amount` in minor units. Somebody else may use it once, until then."""

    id = serializers.IntegerField()
    move = serializers.CharField()
    order_id = serializers.UUIDField()
    amount = serializers.IntegerField()
    currency = serializers.CharField()
    good_until = serializers.DateTimeField()


class Approvals(generics.GenericAPIView):
    """Agree that another person moves an order's money by hand: above MONEY_BY_HAND_LIMITS nobody
    does it alone. Kept for ever, with your name and your reason."""

    roles = {"POST": ("ops",)}
    problems = {"POST": {"404": "No such order."}}
    serializer_class = ApprovalSerializer

    # Described by the docstring of the class.
    @extend_schema(responses={201: ApprovedSerializer})
    @idempotent
    def post(self, request: Request) -> Response:
        wanted = self.get_serializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        move, order_id = wanted.validated_data["move"], wanted.validated_data["order_id"]
        money, user = money_by_hand(order_id=order_id, move=move), cast(Any, request.user)
        told = {"move": move, "order_id": order_id, "amount": money["total"],
                "currency": money["currency"]}  # fmt: skip
        row = approve(**told, by_user_id=user.pk, actor=user.get_username(),
                      reason=wanted.validated_data["reason"])  # fmt: skip
        row.refresh_from_db(fields=["done_at"])
        told |= {"id": row.pk, "good_until": row.done_at + GOOD_FOR}
        return Response(ApprovedSerializer(told).data, status.HTTP_201_CREATED)
