"""Runs, to be looked at: where each stands, why, what it did and undid, and what comes next."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import Truncator

from campusg.admin import Guarded, badge, links_of_order, status
from campusg.money import formatted
from escrow import services as escrow
from sagas.engine.telling import tell
from sagas.engine.timeline import Act, step_at_hand, timeline
from sagas.models import LIVE, Action, PausedSaga, Run, RunStatus, Worker

WHY_SHOWN = 100


class NotProgressing(admin.SimpleListFilter):
    """In one click: everything that is not simply going forward."""

    title = "attention"
    parameter_name = "attention"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("any", "not progressing"),
            ("parked", "waits for a person"),
            ("retrying", "tries again"),
            ("live", "not yet ended"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Run]) -> QuerySet[Run]:
        parked, retrying = Q(status=RunStatus.PARKED), Q(not_before__isnull=False)
        chosen = {
            "any": parked | (Q(status__in=LIVE) & (retrying | ~Q(reason=""))),
            "parked": parked,
            "retrying": Q(status__in=LIVE) & retrying,
            "live": Q(status__in=LIVE),
        }
        value = self.value()
        return queryset.filter(chosen[value]) if value in chosen else queryset


@admin.register(Run)
class RunAdmin(Guarded):
    order_field = None
    list_display = ("id", "saga", "key", status(), "step", "changed_at", "why", "recovered")
    list_filter = (NotProgressing, "status", "saga")
    search_fields = ("key", "reason")
    search_help_text = "The id of a run or of its order, or part of a reason."
    uuid_fields = ("id", "key__startswith")
    date_hierarchy = "started_at"
    change_form_template = "admin/sagas/run/change_form.html"

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """First what it is about; then, folded away, what the engine keeps for itself."""
        told = ("saga", "key", "started_at", "changed_at", "ended_at", "facts")
        fields = self.get_fields(request, obj)
        first = [field for field in fields if _name(field) in told]
        rest = [field for field in fields if field not in first]
        return [
            ("Run", {"fields": first}),
            ("The engine's own", {"fields": rest, "classes": ["collapse"]}),
        ]

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        run: Run = context["original"]
        panels = {
            "told": tell(run),
            "state": badge(run.status),
            "at_risk": formatted(run.amount_at_risk, run.currency) if run.amount_at_risk else "",
            "timeline": [(row, _seen(row.done), _seen(row.undone)) for row in timeline(run)],
            "acts": Action.objects.filter(run_id=run.pk),
            "balances": _balances(run),
            "links": links_of_order(order_id) if (order_id := _order_id(run)) else "",
        }
        return super().render_change_form(request, context | panels, *args, **kwargs)

    @admin.display(description="step")
    def step(self, run: Run) -> str:
        return step_at_hand(run) or "-"

    @admin.display(description="why")
    def why(self, run: Run) -> str:
        return Truncator(tell(run).why).chars(WHY_SHOWN)


@admin.register(Action)
class ActionAdmin(Guarded):
    order_field = None
    list_display = ("done_at", "name", "saga", "run_id", "actor", "reason")
    list_filter = ("name", "saga")
    search_fields = ("actor", "reason")
    search_help_text = "The id of a run, a name, or part of a reason."
    uuid_fields = ("run_id",)
    date_hierarchy = "done_at"
    ordering = ("-id",)


@admin.register(PausedSaga)
class PausedSagaAdmin(Guarded):
    order_field = None
    list_display = ("saga", "since")
    search_fields = ("saga",)


@admin.register(Worker)
class WorkerAdmin(Guarded):
    order_field = None
    list_display = ("name", "queues", "failing", "seen_at")
    search_fields = ("name",)
    ordering = ("-seen_at",)


def _order_id(run: Run) -> UUID | None:
    """The order it is about, if it is about one."""
    try:
        return UUID(str(run.facts.get("order_id")))
    except ValueError:
        return None


def _balances(run: Run) -> list[tuple[str, str, str]]:
    """What stands on the accounts of its order: account, layer, money."""
    order_id, currency = _order_id(run), str(run.facts.get("currency", ""))
    if order_id is None:
        return []
    balances = escrow.balance_of_order(order_id=order_id)
    return [(code, layer, formatted(sum_, currency)) for (code, layer), sum_ in balances.items()]


def _seen(act: Act | None) -> tuple[Act, str] | None:
    return (act, badge(act.state)) if act else None


def _name(field: Any) -> str:
    return field if isinstance(field, str) else field.__name__
