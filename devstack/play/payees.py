"""Who is paid: two accounts are restricted behind our backs, one is put right in the end."""

from random import Random
from threading import Event
from typing import Any

from devstack.errors import StackError
from devstack.play.house import PASSWORD, House
from devstack.play.sandbox import Sandbox
from devstack.play.site import No, Person


def restrict_some(house: House, sandbox: Sandbox, seed: int) -> list[dict[str, Any]]:
    """An owner and a runner to whose accounts Stripe lets nothing be sent, in this order."""
    random = Random(seed)
    # The frozen kitchen sells nothing, so nothing could be held of its pay.
    open_ = [kitchen for kitchen in house.people["restaurants"] if not kitchen["frozen"]]
    chosen = [random.choice(open_)["owner"], random.choice(house.people["runners"])]
    for payee in chosen:
        sandbox.restrict(payee["account"])
    return chosen


def lift_one(house: House, sandbox: Sandbox, restricted: list[dict[str, Any]]) -> str:
    """The first may be paid again, and an operator says so to the campus; what to say of it.

    Raises StackError when the campus does not take it.
    """
    payee = restricted[0]
    sandbox.lift(payee["account"])
    ops = Person(house.site, house.people["ops"]["username"], PASSWORD, Event())
    account = {"stripe_account_id": payee["account"], "transfers": "active"}
    said = ops.ask("PUT", f"/api/users/{payee['id']}/payout-account", account)
    if isinstance(said, No):
        raise StackError(said.said)
    still = ", ".join(each["username"] for each in restricted[1:])
    return f"{payee['username']}'s account may be paid again; {still}'s stays restricted"
