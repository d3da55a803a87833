"""Setting off: what a payee owes us of earlier orders is kept back from what they are paid now."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from campusg.money import share
from escrow.balances import SIGNED
from escrow.chart import Code, Layer, Side
from escrow.ledger import Leg, key_of, post
from escrow.models import Account, Entry, JournalKind
from escrow.settling import locked
from events.services import record


@transaction.atomic(savepoint=False)
def set_off(*, order_id: UUID, owner: UUID, code: Code | str, amount: int) -> int:
    """Keep back, of the `amount` that `owner` is about to be paid, what they owe us; how much.

    In minor units, the oldest debt first, and at most `SET_OFF_BASIS_POINTS` of the amount, so that
    nobody works for nothing. Once per order and payable: asked again it says the same. Records
    `payout.set_off`. Raises NoHold.
    """
    hold = locked(order_id)
    key = key_of(order_id, JournalKind.SET_OFF, str(code))
    before = Entry.objects.filter(journal__key=key, side=Side.DEBIT).first()
    if before is not None:
        return before.amount
    credits_ = _kept(owner, hold.currency, share(amount, settings.SET_OFF_BASIS_POINTS))
    kept = sum(leg.amount for leg in credits_)
    if not kept:
        return 0
    payable = Account.objects.get(code=code, owner=owner, order_id=order_id, currency=hold.currency)
    post(
        key=key,
        kind=JournalKind.SET_OFF,
        order_id=order_id,
        currency=hold.currency,
        legs=[Leg(payable.id, Layer.POSTED, Side.DEBIT, kept), *credits_],
    )
    record(
        type="payout.set_off",
        order_id=order_id,
        data={"payable": code, "owner": owner, "amount": kept, "currency": hold.currency},
    )
    return kept


def _kept(owner: UUID, currency: str, most: int) -> list[Leg]:
    """What is taken off each debt, `most` in all. They stay as they are until COMMIT: two payouts
    to one payee must not both settle the same debt."""
    debts = Account.objects.filter(code=Code.PAYEE_RECEIVABLE, owner=owner, currency=currency)
    ids = list(debts.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    entries = Entry.objects.filter(account_id__in=ids, layer=Layer.POSTED)
    owed = dict(entries.values_list("account").annotate(sum=Sum(SIGNED)))
    legs = []
    for id_ in ids:
        part = min(most, owed.get(id_, 0))
        if part:
            legs.append(Leg(id_, Layer.POSTED, Side.CREDIT, part))
            most -= part
    return legs
