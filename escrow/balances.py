"""What the books say of one order, and by how much that differs from what was promised."""

from uuid import UUID

from django.db.models import Case, F, QuerySet, Sum, When
from django.db.models.functions import Coalesce

from escrow.chart import ESCROW, PASSED_ON, Code, Layer, Side
from escrow.models import Entry, Hold, HoldStatus, JournalKind

#: An entry on its account's normal side counts for it, on the other against it.
SIGNED = Case(When(side=F("account__normal_side"), then="amount"), default=-F("amount"))
_CREDITED = Case(When(side=Side.CREDIT, then="amount"), default=-F("amount"))
#: What changes how much of an order's money is whose; paying it out does not.
_ENTITLES = (
    JournalKind.RELEASE,
    JournalKind.CLAIM,
    JournalKind.REFUND,
    JournalKind.REFUND_FAILED,
)
#: What an order's money passes through; when the order is over, nothing is left there.
_PASSED_THROUGH = (Code.CUSTOMER_HOLD, *ESCROW)


def balance_of_order(*, order_id: UUID) -> dict[tuple[Code, Layer], int]:
    """Each account of the order on each layer, in minor units, positive on its normal side."""
    rows = _of_order(order_id).values_list("account__code", "layer").annotate(sum=Sum(SIGNED))
    return {(Code(code), Layer(layer)): balance for code, layer, balance in rows}


def balance(code: Code, *, order_id: UUID, owner: UUID | None = None) -> int:
    """One account of the order, posted, in minor units, positive on its normal side."""
    entries = _of_order(order_id).filter(account__code=code, account__owner=owner)
    posted: int = entries.filter(layer=Layer.POSTED).aggregate(sum=Coalesce(Sum(SIGNED), 0))["sum"]
    return posted


def balance_of_campus(code: Code, *, order_id: UUID) -> int:
    """What an order's journals posted to an account that the whole campus shares, in minor units,
    positive on its normal side."""
    entries = Entry.objects.filter(
        journal__order_id=order_id, account__code=code, layer=Layer.POSTED
    )
    posted: int = entries.aggregate(sum=Coalesce(Sum(SIGNED), 0))["sum"]
    return posted


def unsettled(*, order_id: UUID, total: int, completed: bool) -> int:
    """By how many minor units the books differ from what a finished create_order promises.

    Completed: the customer's hold and the escrow both stand at `total`, pending, unless the next
    saga has gone on with a hold of that much. Compensated: every account of the order is back at
    zero. Nothing is posted in either case. 0 means kept.
    """
    promised = total if completed else 0
    balances = balance_of_order(order_id=order_id)
    held = balances.get((Code.CUSTOMER_HOLD, Layer.PENDING), 0)
    escrow = sum(balances.get((code, Layer.PENDING), 0) for code in ESCROW)
    posted = sum(abs(balance) for (_, layer), balance in balances.items() if layer is Layer.POSTED)
    # Asked after the balances: a hold never stands again, so while it does they are its own.
    gone_on = Hold.objects.filter(order_id=order_id).exclude(status=HoldStatus.HELD).first()
    if completed and gone_on is not None:
        return abs(gone_on.total - total)
    return max(abs(held - promised), abs(escrow - promised), posted)


def settled_after_completion(*, order_id: UUID, captured: int) -> int:
    """By how many minor units what was passed on differs from what was captured, or how much still
    stands in the customer's hold or in escrow. 0 means that the order's money is where it belongs;
    so it is after a cancellation, captured in part or not at all. `captured` is without what was
    refunded before it was passed on."""
    balances = balance_of_order(order_id=order_id)
    left = sum(abs(n) for (code, _), n in balances.items() if code in _PASSED_THROUGH)
    return max(abs(_passed_on(order_id) - captured), left)


def _passed_on(order_id: UUID) -> int:
    """What release or claim has credited to restaurant, runner and platform, less what of it went
    back to the customer since: from what they were owed, or as their debt."""
    theirs = Entry.objects.filter(
        journal__order_id=order_id,
        journal__kind__in=_ENTITLES,
        account__code__in=(*PASSED_ON, Code.PAYEE_RECEIVABLE),
        layer=Layer.POSTED,
    )
    credited: int = theirs.aggregate(sum=Coalesce(Sum(_CREDITED), 0))["sum"]
    return credited


def _of_order(order_id: UUID) -> QuerySet[Entry]:
    return Entry.objects.filter(account__order_id=order_id)
