"""Who is paid: two accounts are restricted behind our backs, one is put right in the end."""

from random import Random
from typing import Any

from devstack.play.house import House
from devstack.play.sandbox import Sandbox


def restrict_some(house: House, sandbox: Sandbox, seed: int) -> list[dict[str, Any]]:
    """An owner and a runner to whose accounts Stripe lets nothing be sent, in this order.

    Its webhooks about them get lost: told of it, a kitchen that can't be paid takes no orders, and
    nobody would be owed anything.
    """
    random = Random(seed)
    # The frozen kitchen sells nothing, so nothing could be held of its pay.
    open_ = [kitchen for kitchen in house.people["restaurants"] if not kitchen["frozen"]]
    chosen = [random.choice(open_)["owner"], random.choice(house.people["runners"])]
    for payee in chosen:
        sandbox.restrict(payee["account"])
    return chosen


def lift_one(sandbox: Sandbox, restricted: list[dict[str, Any]]) -> str:
    """The first may be paid again, and a webhook tells the campus so; what to say of it."""
    payee = restricted[0]
    sandbox.lift(payee["account"])
    still = ", ".join(each["username"] for each in restricted[1:])
    return f"{payee['username']}'s account may be paid again; {still}'s stays restricted"
