"""Orders, restaurants and menus as clients send and see them."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse
from rest_framework.utils.html import is_html_input

from campusg.api.serializers import Looking, StrictSerializer
from orders.models import QUANTITY_MAX, MenuItem, Order, OrderItem, Restaurant
from orders.services import LINES_MAX
from orders.states import OrderStatus, timestamp_of
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


class OrderItemSerializer(serializers.ModelSerializer):
    """A line with name and price as they were when the order was placed."""

    class Meta:
        model = OrderItem
        fields = ("menu_item_id", "name", "unit_price", "quantity", "line_total")


class OrderSerializer(serializers.ModelSerializer):
    """An order; amounts in minor units of its currency."""

    url = serializers.SerializerMethodField()
    items = OrderItemSerializer(many=True)
    run = serializers.SerializerMethodField(help_text="The saga that creates it.")

    class Meta:
        model = Order
        fields = (
            "id", "url", "status", "version", "customer_id", "restaurant_id", "runner_id",
            "delivery_location", "cancel_reason", "currency", "food_fee", "delivery_fee",
            "platform_fee", "total", "items", "run", *map(timestamp_of, OrderStatus),
        )  # fmt: skip

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, order: Order) -> str:
        return reverse("order", [order.pk], request=self.context.get("request"))

    @extend_schema_field({"type": ["string", "null"], "format": "uri"})
    def get_run(self, order: Any) -> str | None:
        if order.run_id is None:
            return None
        return reverse("saga", [order.run_id], request=self.context.get("request"))


class PlacedSerializer(serializers.Serializer):
    """The answer to an order that was placed: how it stands, and where to look for more."""

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
