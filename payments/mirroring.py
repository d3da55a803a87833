"""The mirror of Stripe's balance transactions, and the balance that they must add up to."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Max, Sum

from payments import gateway
from payments.breaks import BalanceTransaction
from payments.gateway import Movement

#: Read twice, because a transaction may be listed a little later than it was made.
OVERLAP = timedelta(hours=1)
#: Looks for a moment in which nothing moves.
LOOKS = 20
_WRITTEN = ("type", "reference", "order_id", "operation_id", "net", "currency", "created_at")

Tell = Callable[[int], None]


def mirror(since: datetime, until: datetime, tell: Tell) -> None:
    """Read what moved our balance from `since` to `until`, and all since the last look; the first
    time, all there is. `tell` hears how many were read. Raises StripeUnavailable.
    """
    latest = BalanceTransaction.objects.aggregate(at=Max("created_at"))["at"]
    if latest is None:
        _read(None, None, tell)
        return
    horizon = latest - OVERLAP
    if until < horizon:
        _read(since, until, tell)
        since = horizon
    _read(min(since, horizon), None, tell)


def unexplained() -> dict[str, int]:
    """Minor units, by currency, of Stripe's balance that its transactions do not explain; read in
    a moment in which nothing moved. Empty when all is explained. Raises StripeUnavailable.
    """
    for _ in range(LOOKS):
        known, balance = _sums(), gateway.balance()
        if not _read_newest():
            break
    gap = {name: balance.get(name, 0) - known.get(name, 0) for name in {*known, *balance}}
    return {name: amount for name, amount in sorted(gap.items()) if amount}


def keep(movements: Iterable[Movement]) -> None:
    """Keep these as they are now."""
    BalanceTransaction.objects.bulk_create(
        [
            BalanceTransaction(id=one.id, **{name: getattr(one, name) for name in _WRITTEN})
            for one in movements
        ],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=_WRITTEN,
        batch_size=1_000,
    )


def _read(since: datetime | None, until: datetime | None, tell: Tell) -> None:
    """Put what Stripe lists in the place of what we have of that time."""
    found: list[Movement] = []
    for movement in gateway.movements(since, until):
        found.append(movement)
        if len(found) % 1_000 == 0:
            tell(len(found))
    kept = BalanceTransaction.objects.all()
    kept = kept.filter(created_at__gte=_second(since)) if since else kept
    kept = kept.filter(created_at__lt=_second(until)) if until else kept
    with transaction.atomic():
        kept.exclude(pk__in=[one.id for one in found]).delete()
        keep(found)
    tell(len(found))


def _read_newest() -> bool:
    """Whether something moved since the last look."""
    latest = BalanceTransaction.objects.aggregate(at=Max("created_at"))["at"]
    listed = list(gateway.movements(latest))
    known = BalanceTransaction.objects.filter(pk__in=[one.id for one in listed]).count()
    keep(listed)
    return known < len(listed)


def _sums() -> dict[str, int]:
    sums = BalanceTransaction.objects.order_by().values("currency").annotate(sum=Sum("net"))
    return {row["currency"]: row["sum"] for row in sums}


def _second(moment: datetime) -> datetime:
    """Stripe counts in whole seconds."""
    return moment.replace(microsecond=0)
