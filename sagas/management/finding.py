"""What an operator means by what was typed: a run, an order's runs, facts by name."""

import json
from collections.abc import Mapping
from typing import Any, get_origin
from uuid import UUID

from django.core.management.base import CommandError
from django.db.models import Q, QuerySet

from sagas.engine.definition import Saga
from sagas.models import Run


def found(wanted: str) -> list[Run]:
    """The runs that an operator means; raises CommandError (exit code 2) when that isn't clear."""
    of_order = _runs_of_order(wanted)
    if of_order:
        return list(of_order)
    lowest, highest = (_uuid(wanted, filler) for filler in "0f")
    # A prefix is a range of ids, so the primary key's index answers.
    runs = list(Run.objects.filter(pk__range=(lowest, highest)).order_by("pk")[:2])
    if not runs:
        raise CommandError(f"There is no run and no order {wanted}.", returncode=2)
    if len(runs) > 1:
        raise CommandError(f"More than one run begins with {wanted}.", returncode=2)
    return runs


def _runs_of_order(order_id: str) -> QuerySet[Run]:
    """Their keys are the order's id, some with more after a colon."""
    mine = Q(key=order_id) | Q(key__startswith=f"{order_id}:")
    return Run.objects.filter(mine).order_by("started_at", "id")


def _uuid(prefix: str, filler: str) -> UUID:
    try:
        return UUID(prefix.replace("-", "").ljust(32, filler))
    except ValueError:
        raise CommandError(f"{prefix} is not the beginning of an id.", returncode=2) from None


def facts_given(saga: Saga, told: list[str]) -> dict[str, Any]:
    """What the saga is to be given; raises CommandError (exit code 2) when that isn't all of it."""
    facts = _read(saga.given, told)
    if set(facts) != set(saga.given):
        wanted = ", ".join(f"--fact {name}=…" for name in saga.given)
        raise CommandError(f"{saga.name} is given exactly: {wanted}", returncode=2)
    return facts


def facts_by_name(saga: Saga | None, told: list[str]) -> dict[str, Any]:
    """Facts for a run of the saga, whichever they are."""
    kinds: dict[str, Any] = {}
    for act in saga.participants if saga else ():
        kinds |= act.gives
    return _read(kinds, told)


def _read(kinds: Mapping[str, Any], told: list[str]) -> dict[str, Any]:
    """Facts as a saga takes them: text as it stands, everything else as JSON."""
    facts: dict[str, Any] = {}
    for name, _, value in (one.partition("=") for one in told):
        kind = kinds.get(name, str)
        as_json = kind is int or kind is bool or get_origin(kind) is list or value == "null"
        try:
            facts[name] = json.loads(value) if as_json else value
        except ValueError:
            raise CommandError(f"{name}={value} is not JSON.", returncode=2) from None
    return facts
