"""Reconciliation: what Stripe says of our money, held against payments and books; what differs is
a break, and what the normal functions can mend is mended by them, never by changing a row."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from celery import shared_task
from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from campusg.locks import alone
from campusg.money import formatted
from orders import services as orders
from payments import following, gateway, holds, mirroring
from payments.breaks import (
    Break,
    BreakKind,
    Finding,
    Layer,
    Reconciliation,
    close_others,
    note,
    resolve,
)
from payments.errors import NotOurs, PaymentBusy, StripeUnavailable
from payments.gateway import Outcome
from sagas.participants import disputes, repaying

log = logging.getLogger(__name__)

_COMPARE = Path(__file__).with_name("reconciliation.sql").read_text()
#: How the ids of disputes begin, today's and those of older ones.
_DISPUTES = ("du_", "dp_")
AGREES = "Found to agree at a later look."
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Compared:
    """Stripe's balance transactions and the books, object by object."""

    matched: int
    under_way: int
    findings: list[Finding]
    #: Of orphans that an operation of ours asked for: its payment.
    adoptable: dict[str, UUID]


def reconcile(
    since: datetime, until: datetime, tell: Callable[[int], None] = lambda read: None
) -> Reconciliation:
    """Compare everything that moved from `since` to `until`, and every difference that is known;
    mend what can be mended. `tell` hears how many of Stripe's transactions were read.

    Twice in a row it finds nothing the second time. Raises StripeUnavailable; then nothing is
    lost, and the next look starts anew.
    """
    row = Reconciliation.objects.create(since=since, until=until)
    mirroring.mirror(since, until, tell)
    row.unexplained = mirroring.unexplained()
    compared = _compared(since, until)
    if _read_missing(compared.findings) or _follow_unheard(compared.findings):
        compared = _compared(since, until)
    new = note(compared.findings)
    close_others(Layer.POSTED, compared.findings, AGREES)
    held = [*holds.differences(since, until), *holds.differences_of_open()]
    new += _note_holds(held)
    _adopt(compared.adoptable)
    row.matched, row.under_way, row.found = compared.matched, compared.under_way, len(new)
    row.ended_at = Now()
    row.save()
    row.refresh_from_db()
    if row.unexplained:
        log.error("reconciliation %s: unexplained %s", row.pk, row.unexplained)
    return row


def look_at_open() -> int:
    """Ask Stripe about every payment under way and every call without an answer; how many breaks
    are new. Raises StripeUnavailable."""
    holds.ask_about_unresolved()
    return len(_note_holds(holds.differences_of_open()))


@shared_task(name="sagas.look_at_open_payments")
def look_at_open_task() -> None:
    """Every quarter of an hour. Stripe being away is no failure: there is a next time."""
    with suppress(StripeUnavailable):
        look_at_open()


@shared_task(name="sagas.reconcile_yesterday")
def reconcile_yesterday() -> None:
    """Every night, with what has moved since midnight: a day late is too late."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT date_trunc('day', now(), 'UTC'), now()")
        midnight, now = cursor.fetchone()
    # The first look of all may take so long that the broker hands the task to another.
    with alone("reconciliation") as mine, suppress(StripeUnavailable):
        if mine:
            reconcile(midnight - DAY, now)


def _compared(since: datetime, until: datetime) -> Compared:
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, {"since": since, "until": until})
        *rows, (_, _, _, matched, *_) = cursor.fetchall()
    differ = [row for row in rows if row[0] != "under way"]
    return Compared(
        matched,
        under_way=len(rows) - len(differ),
        findings=[_finding(*row[:7]) for row in differ],
        adoptable={row[1]: row[7] for row in differ if row[7]},
    )


def _finding(
    kind: str,
    reference: str,
    order_id: UUID | None,
    ours: int | None,
    our_currency: str | None,
    theirs: int | None,
    their_currency: str | None,
) -> Finding:
    return Finding(
        Layer.POSTED,
        BreakKind(kind),
        reference,
        order_id,
        ours=_said(ours, our_currency),
        theirs=_said(theirs, their_currency),
        amount=int((theirs or 0) - (ours or 0)),
        currency=their_currency or our_currency or "",
    )


def _said(amount: int | None, currency: str | None) -> str:
    return "nothing" if amount is None or currency is None else formatted(int(amount), currency)


def _read_missing(findings: Sequence[Finding]) -> bool:
    """Ask for what seems to be missing by its id: it may be older than what was read. True when
    something was there."""
    found = [
        movement
        for one in findings
        if one.kind == BreakKind.MISSING and not one.object_id.startswith("journal")
        for movement in gateway.movements_of(one.object_id)
    ]
    mirroring.keep(found)
    return bool(found)


def _follow_unheard(findings: Sequence[Finding]) -> bool:
    """What a bank took or sent back, and no event told us of, is followed as its event would be.
    True when there was any."""
    unheard = [one for one in findings if one.object_id.startswith(("re_", *_DISPUTES))]
    for one in unheard:
        with suppress(NotOurs, PaymentBusy):
            if one.object_id.startswith(_DISPUTES):
                disputes.adopt_dispute(one.object_id)
            else:
                repaying.follow_refund(one.object_id)
    return bool(unheard)


def _note_holds(findings: Sequence[Finding]) -> list[Break]:
    """Keep what differs of what is held, and let go of what no order wants any more."""
    new = note(findings)
    close_others(Layer.PENDING, findings, AGREES)
    open_ = Break.objects.filter(layer=Layer.PENDING, resolved_at=None, ours__in=holds.NOTHING)
    for one in open_.filter(theirs__startswith=holds.HELD):
        if one.order_id is None or not orders.not_over([one.order_id]):
            _let_go(one)
    return new


def _let_go(orphan: Break) -> None:
    """Cancel an intent that holds money for nobody. The break is the record of the call: it was
    kept before, and one key a break makes it happen once."""
    key = f"campusg:{settings.CAMPUSG_ENV}:break:{orphan.pk}:void"
    params = {"payment_intent": orphan.object_id, "cancellation_reason": "abandoned"}
    reply = gateway.void(key, params)
    if reply.outcome is Outcome.SUCCEEDED:
        log.warning("%s held %s for nobody; let go", orphan.object_id, orphan.theirs)
        resolve(orphan.pk, f"Let go at Stripe under {key} ({reply.request_id}).")


def _adopt(adoptable: dict[str, UUID]) -> None:
    """What an operation of ours made and nobody told it of is learnt as its reply would be."""
    orphans = Break.objects.filter(layer=Layer.POSTED, kind=BreakKind.ORPHAN, resolved_at=None)
    for one in orphans.filter(object_id__in=adoptable):
        if following.adopt(adoptable[one.object_id], one.object_id):
            log.warning("%s was made for us and nobody knew; adopted", one.object_id)
            resolve(one.pk, "Adopted by the operation that had asked for it.")
