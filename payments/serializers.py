"""Payments as people see them."""

from rest_framework import serializers

from campusg.api.serializers import Looking, OpsFields
from payments.models import Payment, PaymentStatus
from payments.money_back import Payees
from sagas.manual_views import ByHandSerializer


class PaymentsLooking(Looking):
    """Which payments to list."""

    order_id = serializers.UUIDField(required=False)
    customer_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(PaymentStatus.choices, required=False)


class PaymentSerializer(OpsFields, serializers.ModelSerializer):
    """The money of one order; the amount in minor units."""

    url = serializers.HyperlinkedIdentityField(view_name="payment")
    payment_intent = serializers.CharField(
        required=False, help_text="Stripe's id. For operators and services only."
    )

    class Meta:
        model = Payment
        fields = (
            "id", "url", "order_id", "customer_id", "amount", "currency", "status",
            "payment_intent", "capture_before", "created_at", "authorized_at", "failed_at",
            "released_at",
        )  # fmt: skip
        ops_fields = ("payment_intent",)


class ConfirmationSerializer(serializers.Serializer):
    """Where an order's payment stands, for the customer it waits for."""

    status = serializers.ChoiceField(PaymentStatus.choices)
    client_secret = serializers.CharField(
        allow_null=True,
        help_text="For Stripe.js `handleNextAction`; null when there is nothing to confirm.",
    )


class PayeesSerializer(ByHandSerializer):
    """What becomes of those who were not paid when a dispute was lost, and why."""

    payees = serializers.ChoiceField(Payees.choices)
