"""The proof about money: what the sandbox says each order did, beside what the ledger says."""

from devstack.play.evidence import Booked, Check, Evidence, Order, units
from devstack.play.sandbox import AtStripe


def completed_are_shared_out(evidence: Evidence) -> Check:
    """What the card paid, as the sandbox says, is what the ledger gave to whom the order's row
    says; of an order that could not be paid for, the customer owes it."""
    stripe, books = _by_order(evidence)
    wrong, sum_ = [], 0
    for order in evidence.orders:
        booked = books.get(order.id, Booked(order.id))
        if order.status == "COMPLETED":
            paid, claimed = _paid(stripe, order), 0
        elif order.status == "COMPLETED_UNPAID":
            paid, claimed = _paid(stripe, order) + order.total, order.total
        else:
            continue
        sum_ += _paid(stripe, order)
        due = (order.food, order.delivery, order.platform)
        if paid != order.total or booked.shares != due or booked.claimed != claimed:
            wrong.append(
                f"order {order.id} ({order.status}): captured {_paid(stripe, order)}, booked "
                f"{booked.shares} for {due}, claimed {booked.claimed}"
            )
    sentence = "completed: captured = restaurant + runner + platform"
    return Check(sentence, units(sum_), wrong)


def cancelled_pay_what_is_due(evidence: Evidence) -> Check:
    """Nothing, or what the kitchen and the runner had done by then; never more than the total."""
    stripe, books = _by_order(evidence)
    wrong, parts = [], 0
    for order in evidence.orders:
        if order.status != "CANCELLED":
            continue
        paid, booked = _paid(stripe, order), books.get(order.id, Booked(order.id))
        parts += paid > 0
        if paid != sum(booked.shares) or not 0 <= paid <= order.total or booked.claimed:
            wrong.append(
                f"order {order.id} is CANCELLED, captured {paid} of {order.total}, booked "
                f"{booked.shares}"
            )
    return Check("cancelled: captured = what was due by then", f"{parts} in part", wrong)


def nothing_is_held(evidence: Evidence) -> Check:
    """Of no order, and of nothing that is no order's: what the bank won't give is given back."""
    orders = {order.id: order for order in evidence.orders}
    wrong = []
    for each in evidence.stripe:
        order = orders.get(each.order_id)
        if order is None:
            wrong.append(f"{each.order_id} is no order, and Stripe knows money of it")
        elif each.held:
            wrong.append(f"order {order.id} ({order.status}): {each.held} {each.currency} held")
    return Check("Stripe holds nothing", f"{len(wrong)} holds", wrong)


def payees_have_theirs(evidence: Evidence) -> Check:
    """By each leg's share in the ledger: paid out, and as much transferred at the sandbox, unless
    its payout waits for an account that is restricted, or the customer's card said no."""
    stripe, books = _by_order(evidence)
    held = {run.key for run in evidence.runs if run.held}
    wrong, paid, owed = [], 0, 0
    for order in evidence.orders:
        booked = books.get(order.id, Booked(order.id))
        for leg, share, out in (
            ("restaurant", booked.restaurant, booked.paid_restaurant),
            ("runner", booked.runner, booked.paid_runner),
        ):
            waits = f"{order.id}:{leg}" in held
            paid += out
            owed += share - out
            if out != (0 if waits or booked.claimed else share):
                state = "held" if waits else "due"
                wrong.append(f"order {order.id}: {leg} has {out} of {share} ({state})")
        moved = stripe[order.id].transferred if order.id in stripe else 0
        if moved != booked.paid_restaurant + booked.paid_runner:
            wrong.append(f"order {order.id}: {moved} transferred, the books say otherwise")
    figure = f"{units(paid)} + {units(owed)}"
    return Check("what payees are due is paid, or held and owed", figure, wrong)


def balances_agree(evidence: Evidence) -> Check:
    """Captured less fees, transfers and refunds, counted twice: by the sandbox and by us."""
    currencies = sorted({*evidence.balance, *evidence.clearing})
    wrong = [
        f"{name}: {evidence.balance.get(name, 0)} at Stripe, {evidence.clearing.get(name, 0)} here"
        for name in currencies
        if evidence.balance.get(name, 0) != evidence.clearing.get(name, 0)
    ]
    figure = ", ".join(f"{units(evidence.balance[name])} {name}" for name in evidence.balance)
    return Check("Stripe's balance = the ledger's clearing account", figure or "0", wrong)


def _by_order(evidence: Evidence) -> tuple[dict[str, AtStripe], dict[str, Booked]]:
    return (
        {each.order_id: each for each in evidence.stripe},
        {each.order_id: each for each in evidence.booked},
    )


def _paid(stripe: dict[str, AtStripe], order: Order) -> int:
    """What left the card and did not come back; in another currency it counts for nothing."""
    known = stripe.get(order.id)
    if known is None or known.currency != order.currency.lower():
        return 0
    return known.captured - known.refunded
