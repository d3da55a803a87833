"""Escrow as people see it: one row an order."""

from rest_framework import serializers

from campusg.api.serializers import Looking
from escrow.models import Hold, HoldStatus


class HoldsLooking(Looking):
    """Which holds to list."""

    order_id = serializers.UUIDField(required=False)
    restaurant_id = serializers.UUIDField(required=False)
    status = serializers.ChoiceField(HoldStatus.choices, required=False)


class HoldSerializer(serializers.ModelSerializer):
    """What stands in escrow for one order; amounts in minor units."""

    url = serializers.HyperlinkedIdentityField(view_name="hold")

    class Meta:
        model = Hold
        fields = (
            "id", "url", "order_id", "customer_id", "restaurant_id", "status", "currency",
            "food_fee", "delivery_fee", "platform_fee", "total", "held_at", "cancelled_at",
        )  # fmt: skip
