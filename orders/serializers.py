"""Orders, restaurants and menus as clients send and see them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse
from rest_framework.utils.html import is_html_input

from campusg.api.serializers import Looking, ReasonSerializer, StrictSerializer
from orders.models import QUANTITY_MAX, MenuItem, Order, OrderItem, Restaurant
from orders.services import LINES_MAX, PAYERS
from orders.states import DELIVERING, OrderStatus, timestamp_of
from sagas.serializers import RunSummarySerializer


class Lines(serializers.ListSerializer):
    """The lines of an order; a form's rows that were left blank don't count."""

    def get_value(self, dictionary: Any) -> Any:
        """From a form: the rows in which somebody wrote something."""
        given = super().get_value(dictionary)
        if not is_html_input(dictionary) or not isinstance(given, list):
            return given
        return [row for row in given if any(row.values())]


class NewLineSerializer(StrictSerializer):
    """So many of one menu item."""

    menu_item_id = serializers.UUIDField()
    quantity = serializers.IntegerField(min_value=1, max_value=QUANTITY_MAX)

    class Meta:
        list_serializer_class = Lines


class NewOrderSerializer(StrictSerializer):
    """What a customer asks for. Prices, fees and status are the server's."""

    restaurant_id = serializers.UUIDField(help_text="One of /api/restaurants.")
    items = NewLineSerializer(  # type: ignore[call-arg]  # they are the list's
        many=True,
        min_length=1,
        max_length=LINES_MAX,
        style={"template": "orders/lines.html"},
        help_text="From the restaurant's menu.",
    )
    delivery_location = serializers.CharField(max_length=200)

    @property
    def requested(self) -> dict[str, Any]:
        """The valid request as the facts that create_order is given."""
        lines = self.validated_data["items"]
        return {
            **self.validated_data,
            "items": [{**line, "menu_item_id": str(line["menu_item_id"])} for line in lines],
        }


class OrdersLooking(Looking):
    """Which orders to list."""

    status = serializers.ChoiceField(OrderStatus.choices, required=False)
    restaurant_id = serializers.UUIDField(required=False)


class ProgressSerializer(StrictSerializer):
    """How far the runner has come."""

    status = serializers.ChoiceField(DELIVERING[1:])


class HandOverSerializer(StrictSerializer):
    """The customer's PIN, or an operator's reason to do without."""

    pin = serializers.RegexField(r"^[0-9]{6}$", required=False, help_text="From the customer.")
    reason = serializers.CharField(max_length=500, required=False, help_text="Operators only.")

    def validate(self, attrs: dict[str, str]) -> dict[str, str]:
        """One of the two, and the second only from operators."""
        if "reason" in attrs and "ops" not in self.context["request"].user.roles:
            raise serializers.ValidationError({"reason": ["Only an operator may do without."]})
        if len(attrs) != 1:
            raise serializers.ValidationError(
                {"pin": ["Send the PIN or, as an operator, a reason."]}
            )
        return attrs


class SettlingSerializer(ReasonSerializer):
    """Who pays what the customer still owes, and why."""

    paid_by = serializers.ChoiceField(PAYERS)


class RatingSerializer(StrictSerializer):
    """How it was with the other one."""

    stars = serializers.IntegerField(min_value=1, max_value=5)


class PinSerializer(serializers.Serializer):
    """What the customer tells the runner who stands at the door."""

    pin = serializers.CharField()


class OrderItemSerializer(serializers.ModelSerializer):
    """A line with name and price as they were when the order was placed."""

    class Meta:
        model = OrderItem
        fields = ("menu_item_id", "name", "unit_price", "quantity", "line_total")


class OrderSerializer(serializers.ModelSerializer):
    """An order; amounts in minor units of its currency."""

    url = serializers.SerializerMethodField()
    page = serializers.SerializerMethodField(help_text="For people: moves by itself.")
    items = OrderItemSerializer(many=True)
    run = serializers.SerializerMethodField(help_text="The saga that creates it.")

    class Meta:
        model = Order
        fields = (
            "id", "url", "page", "status", "version", "customer_id", "restaurant_id", "runner_id",
            "delivery_location", "cancel_reason", "currency", "food_fee", "delivery_fee",
            "platform_fee", "total", "items", "run", *map(timestamp_of, OrderStatus),
        )  # fmt: skip

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, order: Order) -> str:
        return reverse("order", [order.pk], request=self.context.get("request"))

    @extend_schema_field(OpenApiTypes.URI)
    def get_page(self, order: Order) -> str:
        return reverse("order-page", [order.pk], request=self.context.get("request"))

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_run(self, order: Any) -> str | None:
        if order.run_id is None:
            return None
        return reverse("saga", [order.run_id], request=self.context.get("request"))


class PastOrderSerializer(OrderSerializer):
    """An order that is over."""


class OpenOrderSerializer(serializers.ModelSerializer):
    """What a runner has to know to take an order: where from, where to, for how much."""

    accept_url = serializers.HyperlinkedIdentityField(view_name="accept")
    restaurant = serializers.CharField(source="restaurant.name")

    class Meta:
        model = Order
        fields = (
            "id", "accept_url", "version", "restaurant_id", "restaurant", "delivery_location",
            "currency", "delivery_fee", "created_at",
        )  # fmt: skip


class OrderAndRunSerializer(serializers.Serializer):
    """What became of a request about an order: how it stands, and the saga that sees to it."""

    order = OrderSerializer()
    run = RunSummarySerializer()
    status_url = serializers.URLField()


class MenuItemSerializer(serializers.ModelSerializer):
    """Something to order; the price in minor units of the restaurant's currency."""

    class Meta:
        model = MenuItem
        fields = ("id", "name", "price", "is_available")


class RestaurantSerializer(serializers.ModelSerializer):
    """A kitchen."""

    url = serializers.HyperlinkedIdentityField(view_name="restaurant")

    class Meta:
        model = Restaurant
        fields = ("id", "url", "name", "currency", "is_open")


class RestaurantWithMenuSerializer(RestaurantSerializer):
    """A kitchen and what it sells."""

    menu = MenuItemSerializer(many=True)

    class Meta:
        model = Restaurant
        fields = (*RestaurantSerializer.Meta.fields, "menu")
