"""Who is told of what, and how besides in the app: one table. The words stand in
words/<type>/<role>.txt: a title, an empty line, the text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from django.template import Context, Engine

from events.envelope import Event
from notifications.models import TITLE_MAX, Channel, Role

CUSTOMER, RUNNER, RESTAURANT, OPS = Role
EMAIL, SMS = Channel.EMAIL, Channel.SMS


WORDS = Path(__file__).with_name("words")
#: An engine of our own: this is plain text, in which nothing is escaped.
ENGINE = Engine(dirs=[str(WORDS)], autoescape=False, builtins=["notifications.filters"])


@dataclass(frozen=True)
class Tell:
    """`role` is told of events of `type` whose data say what `when` says. An SMS goes out only
    where somebody has to act at once."""

    type: str
    role: Role
    also: tuple[Channel, ...] = ()
    when: Mapping[str, str] = field(default_factory=dict)

    def concerns(self, event: Event) -> bool:
        """Whether this line is about that event."""
        said = event.data
        return event.type == self.type and all(said.get(k) == v for k, v in self.when.items())


TOLD = (
    Tell("order.pending_payment", CUSTOMER),
    Tell("order.awaiting_payment", CUSTOMER, also=(EMAIL, SMS)),
    Tell("payment.authorized", CUSTOMER),
    Tell("order.created", CUSTOMER, also=(EMAIL,)),
    Tell("order.created", RESTAURANT),
    Tell("order.accepted", CUSTOMER),
    Tell("order.accepted", RUNNER),
    Tell("order.accepted", RESTAURANT),
    Tell("order.released", CUSTOMER),
    Tell("order.released", RESTAURANT),
    Tell("order.status_updated", CUSTOMER, also=(SMS,), when={"status": "DELIVERED"}),
    Tell("order.status_updated", CUSTOMER),
    Tell("order.status_updated", RESTAURANT, when={"status": "PLACED"}),
    Tell("delivery.reminder_due", RUNNER, also=(SMS,)),
    Tell("delivery.reminder_due", OPS),
    Tell("order.pin_overridden", CUSTOMER, also=(EMAIL,)),
    Tell("order.completed", CUSTOMER, also=(EMAIL,)),
    Tell("order.completed_unpaid", CUSTOMER, also=(EMAIL,)),
    Tell("order.completed_unpaid", OPS, also=(EMAIL,)),
    Tell("order.timed_out", CUSTOMER),
    Tell("order.overdue", OPS),
    Tell("order.cancelled", CUSTOMER, also=(EMAIL,)),
    Tell("order.cancelled", RUNNER, also=(SMS,)),
    Tell("order.cancelled", RESTAURANT),
    Tell("escrow.released", RESTAURANT),
    Tell("escrow.released", RUNNER),
    Tell("payout.paid", RESTAURANT, also=(EMAIL,), when={"payable": "restaurant_payable"}),
    Tell("payout.paid", RUNNER, also=(EMAIL,), when={"payable": "runner_payable"}),
    Tell("payout.reversed", RESTAURANT, also=(EMAIL,), when={"payable": "restaurant_payable"}),
    Tell("payout.reversed", RUNNER, also=(EMAIL,), when={"payable": "runner_payable"}),
    Tell("payout.withheld", RESTAURANT, also=(EMAIL,), when={"payable": "restaurant_payable"}),
    Tell("payout.withheld", RUNNER, also=(EMAIL,), when={"payable": "runner_payable"}),
    Tell(
        "payout.held",
        RESTAURANT,
        also=(EMAIL,),
        when={"payable": "restaurant_payable", "waits_for": "account"},
    ),
    Tell(
        "payout.held",
        RUNNER,
        also=(EMAIL,),
        when={"payable": "runner_payable", "waits_for": "account"},
    ),
    Tell("payout.held", OPS, also=(EMAIL,), when={"waits_for": "balance"}),
    Tell("payment.hold_ending", OPS, also=(EMAIL,)),
    Tell("payment.lapsed", OPS),
    Tell("payment.refunded", CUSTOMER, also=(EMAIL,)),
    Tell("payment.refund_failed", CUSTOMER, also=(EMAIL,)),
    Tell("payment.refund_failed", OPS, also=(EMAIL,)),
    Tell("payment.repaid", CUSTOMER, also=(EMAIL,)),
    Tell("payment.dispute_opened", OPS, also=(EMAIL,)),
    Tell("payment.dispute_closed", OPS, also=(EMAIL,)),
    Tell("payment.fraud_warned", OPS, also=(EMAIL,)),
    Tell("payment.capture_failed", OPS),
)


def told_of(event: Event) -> Iterator[Tell]:
    """The lines of the table about this event, at most one for each role: the first that fits."""
    seen: set[Role] = set()
    for tell in TOLD:
        if tell.role not in seen and tell.concerns(event):
            seen.add(tell.role)
            yield tell


class Words(NamedTuple):
    """What somebody is told; without a title they are told nothing."""

    title: str
    body: str


def words(event: Event, role: Role, engine: Engine = ENGINE) -> Words:
    """What this role is told of the event. Raises TemplateDoesNotExist."""
    context = Context({**event.data, "order": str(event.order_id)[-8:]})
    text = engine.get_template(f"{event.type}/{role}.txt").render(context)
    title, _, body = text.strip().partition("\n")
    return Words(title[:TITLE_MAX], body.strip())
