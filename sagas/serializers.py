"""Runs as people see them: where each stands, why, and what happens next by itself."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from campusg.api.permissions import sees_all
from campusg.api.serializers import Looking, OpsFields
from sagas.engine.telling import tell
from sagas.models import Run, RunStatus, StepLog, StepState


def _shows_all(serializer: serializers.BaseSerializer) -> bool:
    """Streams say so themselves: one reading serves many requests."""
    request = serializer.context.get("request")
    return bool(serializer.context.get("ops")) or (request is not None and sees_all(request.user))


class RunsLooking(Looking):
    """Which runs to list."""

    saga = serializers.CharField(required=False)
    key = serializers.CharField(required=False)
    status = serializers.ChoiceField(RunStatus.choices, required=False)


class StepSerializer(serializers.ModelSerializer):
    """One line of a run's timeline."""

    name = serializers.CharField(source="participant")
    error = serializers.SerializerMethodField()

    class Meta:
        model = StepLog
        fields = (
            "position", "name", "direction", "state", "attempt", "started_at", "ended_at", "error"
        )  # fmt: skip

    def get_error(self, step: StepLog) -> str:
        return step.error if _shows_all(self) else _for_customer(step)


class RunSummarySerializer(serializers.ModelSerializer):
    """Where a run stands, in one sentence, and what happens next without anyone's doing."""

    url = serializers.SerializerMethodField()
    why = serializers.SerializerMethodField()
    next_action = serializers.SerializerMethodField()

    class Meta:
        model = Run
        fields = (
            "id", "url", "saga", "key", "status", "paused", "position", "why", "next_action",
            "recovered", "started_at", "changed_at", "ended_at",
        )  # fmt: skip

    @extend_schema_field(OpenApiTypes.URI)
    def get_url(self, run: Run) -> str:
        return reverse("saga", [run.pk], request=self.context.get("request"))

    def get_why(self, run: Run) -> str:
        return tell(run).why if _shows_all(self) else _why_for_customer(run)

    def get_next_action(self, run: Run) -> str:
        if run.status == RunStatus.PARKED and not _shows_all(self):
            return "None: it waits for one of us."
        return tell(run).next_action


class RunSerializer(OpsFields, RunSummarySerializer):
    """A run with its timeline; with its facts for operators."""

    steps = StepSerializer(many=True)
    facts = serializers.JSONField(required=False, help_text="For operators and services only.")

    class Meta:
        model = Run
        fields = (*RunSummarySerializer.Meta.fields, "steps", "facts")
        ops_fields = ("facts",)


def _why_for_customer(run: Run) -> str:
    """The same without what was meant for operators: only a refusal's own words go through."""
    if run.status == RunStatus.PARKED:
        return "One of us has to look into it."
    if run.status == RunStatus.TERMINATED:
        return "One of us has ended it."
    if run.status not in (RunStatus.COMPENSATING, RunStatus.COMPENSATED):
        return tell(run).why
    words = " ".join(filter(None, map(_for_customer, run.steps.all())))
    over = run.status == RunStatus.COMPENSATED
    return " ".join(["Everything begun is undone." if over else "It is taken back.", words]).strip()


def _for_customer(step: StepLog) -> str:
    if step.state != StepState.REFUSED or _quotes_an_operation(step):
        return ""
    return step.error


def _quotes_an_operation(step: Any) -> bool:
    """Messages about an operation start with its key, and may quote what Stripe told us."""
    return step.error.startswith("campusg:") or " campusg:" in step.error
