"""Rules about rows that PostgreSQL keeps, whoever writes: the ORM, raw SQL, a person in psql."""

from collections.abc import Iterable

import pgtrigger

#: SQLSTATE restrict_violation; Django raises it as `IntegrityError`.
FORBIDDEN = "23001"
#: SQLSTATE check_violation; Django raises it as `IntegrityError`.
WRONG = "23514"


def append_only() -> list[pgtrigger.Trigger]:
    """Rows are written once: no UPDATE, no DELETE, no TRUNCATE."""
    return [
        _forbids("append_only", pgtrigger.Update | pgtrigger.Delete),
        never_truncated(),
    ]


def never_truncated() -> pgtrigger.Trigger:
    """TRUNCATE passes row triggers by, so it needs its own."""
    return _forbids("never_truncated", pgtrigger.Truncate, level=pgtrigger.Statement)


def never_deleted(condition: pgtrigger.Condition | None = None) -> pgtrigger.Trigger:
    """No DELETE of the rows that `condition` describes (all, without one)."""
    return _forbids("never_deleted", pgtrigger.Delete, condition=condition)


def only_changes(*fields: str) -> pgtrigger.Trigger:
    """No column but these ever changes."""
    return _forbids(
        "only_changes", pgtrigger.Update, condition=pgtrigger.AnyChange(exclude=list(fields))
    )


def allowed_edges(
    field: str, first: str, edges: Iterable[tuple[str, str]]
) -> list[pgtrigger.Trigger]:
    """A status is born as `first` and moves along `edges` only."""
    walks = ", ".join(f"('{source}', '{target}')" for source, target in sorted(edges))
    return [
        pgtrigger.Trigger(
            name="first_status",
            when=pgtrigger.Before,
            operation=pgtrigger.Insert,
            condition=pgtrigger.Condition(f"NEW.{field} <> '{first}'"),
            func=f"RAISE EXCEPTION 'a row of % starts as {first}, not as %', "
            f"TG_TABLE_NAME, NEW.{field} USING ERRCODE = '{WRONG}';",
        ),
        pgtrigger.Trigger(
            name="allowed_edges",
            when=pgtrigger.Before,
            operation=pgtrigger.UpdateOf(field),  # type: ignore[no-untyped-call]
            condition=pgtrigger.Condition(
                f"OLD.{field} <> NEW.{field} AND (OLD.{field}, NEW.{field}) NOT IN ({walks})"
            ),
            func=f"RAISE EXCEPTION '%: no edge from % to %', TG_TABLE_NAME, "
            f"OLD.{field}, NEW.{field} USING ERRCODE = '{WRONG}';",
        ),
    ]


def _forbids(
    name: str,
    operation: pgtrigger.Operation,
    *,
    level: pgtrigger.Level = pgtrigger.Row,
    condition: pgtrigger.Condition | None = None,
) -> pgtrigger.Trigger:
    return pgtrigger.Trigger(
        name=name,
        level=level,
        when=pgtrigger.Before,
        operation=operation,
        condition=condition,
        func="RAISE EXCEPTION '% of % is forbidden here', TG_OP, TG_TABLE_NAME "
        f"USING ERRCODE = '{FORBIDDEN}';",
    )
