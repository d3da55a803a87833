"""What each witness says once the campus is quiet: clients, tables, ledger, sandbox. All amounts in
minor units."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from devstack.play.clients import Placement
from devstack.play.runners import Tap
from devstack.play.sandbox import AtStripe

SHOWN = 3  # differences named; the rest is counted


@dataclass(frozen=True)
class Order:
    """An order as its row says, with how often the event `order.accepted` was recorded for it."""

    id: str
    status: str
    currency: str
    food: int
    delivery: int
    platform: int
    accepted: int = 0

    @property
    def total(self) -> int:
        return self.food + self.delivery + self.platform


@dataclass(frozen=True)
class Run:
    """A run as its row says."""

    id: str
    saga: str
    key: str
    status: str
    waits_for: str = ""

    @property
    def order_id(self) -> str:
        """Every key begins with the order's."""
        return self.key.partition(":")[0]

    @property
    def held(self) -> bool:
        """A payout to an account that Stripe has restricted: it waits to be told otherwise."""
        waiting = (self.saga, self.status) == ("pay_out", "WAITING")
        return waiting and self.waits_for == "payout_account.updated"


@dataclass(frozen=True)
class Open:
    """A call to Stripe whose outcome nobody knows; watched when no order waits for it."""

    key: str
    order_id: str
    watched: bool


@dataclass(frozen=True)
class Booked:
    """What the ledger says of one order: who got what of what the card paid, and who is paid."""

    order_id: str
    restaurant: int = 0
    runner: int = 0
    platform: int = 0
    claimed: int = 0  # owed to us by a customer whose card said no
    paid_restaurant: int = 0
    paid_runner: int = 0

    @property
    def shares(self) -> tuple[int, int, int]:
        return self.restaurant, self.runner, self.platform


@dataclass(frozen=True)
class Recorded:
    """An event as its row in the outbox says."""

    id: str
    published: bool


@dataclass(frozen=True)
class Message:
    """An event as the broker has it."""

    id: str
    order_id: str
    version: int


@dataclass(frozen=True)
class Handled:
    """An event as a consumer's inbox says; `ignored` when it came after a later one."""

    event_id: str
    ignored: bool = False


@dataclass(frozen=True)
class Heard:
    """So many of Stripe's events that came to us, and how many of them were followed."""

    received: int
    followed: int
    dead: int = 0


@dataclass(frozen=True)
class Told:
    """So many notifications by one channel, in one state."""

    channel: str
    state: str
    count: int


@dataclass(frozen=True)
class Evidence:
    """Everything that was said."""

    asked: int  # how many orders were to be placed
    placements: Sequence[Placement]
    taps: Sequence[Tap]
    backed_out: Sequence[str]  # the order of each delivery that was given back
    troubles: Sequence[str]  # what runners were told that nobody should be
    orders: Sequence[Order]
    runs: Sequence[Run]
    stripe: Sequence[AtStripe]
    booked: Sequence[Booked]
    balance: Mapping[str, int]  # what stands at the sandbox, by currency in lower case
    clearing: Mapping[str, int]  # what the ledger says stands there
    open: Sequence[Open]
    unpaid: Collection[str]  # the orders whose card said no when it was to be captured
    recorded: Sequence[Recorded]
    messages: Sequence[Message]  # in the order in which the broker keeps each order's
    inbox: Sequence[Handled]
    dead_letters: int
    told: Sequence[Told]
    delivered: int  # webhooks, as the sandbox counts them
    heard: Heard
    books: str  # what `manage.py verify_books` printed
    reconciled: str  # what `manage.py reconcile` printed


@dataclass(frozen=True)
class Check:
    """One sentence that must hold, a figure, and each thing that says otherwise."""

    sentence: str
    figure: str
    wrong: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        shown = "; ".join(self.wrong[:SHOWN])
        rest = len(self.wrong) - SHOWN
        return f"{self.sentence}: {shown}" + (f" and {rest} more" if rest > 0 else "")


def units(amount: int) -> str:
    """An amount in units, as the eye reads it; every currency of a play has two decimals."""
    return f"{amount / 100:,.2f}"
