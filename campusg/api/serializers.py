"""What requests and answers have in common."""

from collections.abc import Mapping
from typing import Any, TypeVar

from django.db.models import Model, QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.utils.html import is_html_input

from campusg.api.idempotency import FORM_FIELD
from campusg.api.permissions import sees_all

Row = TypeVar("Row", bound=Model)


class StrictSerializer(serializers.Serializer):
    """A request body: a field that it doesn't know is an error, never silently dropped."""

    def to_internal_value(self, data: Any) -> Any:
        """Refuse the unknown first, naming each."""
        if isinstance(data, Mapping):
            known = {name for name, field in self.fields.items() if not field.read_only}
            unknown = _names(data) - known
            if unknown:
                told = serializers.ErrorDetail("There is no such field.", code="unknown_field")
                raise serializers.ValidationError({name: [told] for name in sorted(unknown)})
        return super().to_internal_value(data)


class NothingSerializer(StrictSerializer):
    """The body of a request that needs none."""


class ReasonSerializer(StrictSerializer):
    """Why it is asked for; it is kept, and shown to whom it concerns."""

    reason = serializers.CharField(max_length=500)


class Looking(serializers.Serializer):
    """A query string that narrows a list; a value that can't be is an error."""

    @classmethod
    def narrow(cls, rows: QuerySet[Row], request: Request) -> QuerySet[Row]:
        """Those of the rows that say what the query string asks for."""
        looking = cls(data=request.query_params.dict())
        looking.is_valid(raise_exception=True)
        return rows.filter(**looking.validated_data)


class OpsFields(serializers.Serializer):
    """An answer some of whose fields, `Meta.ops_fields`, only operators and services see."""

    def to_representation(self, instance: Any) -> Any:
        """Leave those fields out for everybody else."""
        shown = super().to_representation(instance)
        request = self.context.get("request")
        if request is None or not sees_all(request.user):
            for name in self.Meta.ops_fields:  # type: ignore[attr-defined]
                shown.pop(name, None)
        return shown


class ProblemError(serializers.Serializer):
    """One thing that is wrong."""

    field = serializers.CharField(help_text="Dotted path into the body, or a header's name.")
    code = serializers.CharField()
    detail = serializers.CharField()


class Problem(serializers.Serializer):
    """RFC 9457 problem details."""

    type = serializers.CharField(help_text="`/problems/<code>`, stable.")
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The path that was asked for.")
    code = serializers.CharField()
    field = serializers.CharField(allow_null=True, help_text="The first field that is wrong.")
    errors = ProblemError(many=True)  # type: ignore[assignment]
    request_id = serializers.CharField()


def _names(data: Mapping[Any, Any]) -> set[str]:
    if not is_html_input(data):
        return {str(name) for name in data}
    # `items[0]quantity` belongs to `items`.
    return {name.partition("[")[0] for name in data} - {"csrfmiddlewaretoken", FORM_FIELD}
