"""The stage: a campus with people on it, the looks at it while they play, and all that is heard of
it in the end. The demo, the soak and the chaos differ in what happens on it."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.table import Table

from devstack.play import broker, report
from devstack.play.clients import Phones
from devstack.play.evidence import Check, Evidence
from devstack.play.house import PASSWORD, House, Plan, opened
from devstack.play.lunch import Meal
from devstack.play.proof import checks
from devstack.play.runners import Runners
from devstack.play.sandbox import Sandbox
from devstack.play.show import Board
from devstack.play.site import PATIENCE
from devstack.play.watch import Watch


@dataclass
class Stage:
    """A campus that is open, with its sandbox and who watches it."""

    house: House
    sandbox: Sandbox
    watch: Watch
    board: Board
    phones: Phones = field(init=False)
    runners: Runners = field(init=False)

    @contextmanager
    def peopled(
        self,
        meals: Iterable[Meal],
        seed: int,
        seconds: float,
        *,
        placed: Callable[[Meal, str], None] = lambda meal, order_id: None,
        room: Callable[[], bool] = lambda: True,
        patience: float = PATIENCE,
    ) -> Iterator[None]:
        """Customers who order these meals within so many seconds, and runners, until the block
        ends."""
        site = self.house.site
        self.phones = Phones(site, PASSWORD, meals, seconds, placed, room, patience)
        self.runners = Runners(site, PASSWORD, self.house.runners, seed, self.phones.pin, patience)
        with self.phones, self.runners:
            yield

    def workers_at_work(self) -> list[str]:
        """The names of the workers that have come so far as to take messages."""
        pids, supervisor = self.watch.workers(), self.house.supervisor
        names = supervisor.names("worker")
        return [name for name in names if pids.intersection(supervisor.pids(name))]

    def until_quiet(self, within: float, look: Callable[[], object], every: float = 0.1) -> None:
        """Look on until nothing moves by itself any more, or for so many seconds."""
        deadline = time.monotonic() + within
        while self._moving() and time.monotonic() < deadline:
            look()
            time.sleep(every)

    def proof(self, asked: int, done: Mapping[str, int]) -> list[Check]:
        """Hear every witness and print the tables; `asked` orders were to be placed, and this was
        done to the campus, so often."""
        evidence = self._evidence(asked)
        found = checks(evidence)
        self.board.print(*self._tables(evidence, done), report.proof(found))
        return found

    def _moving(self) -> bool:
        # A webhook that arrives after the first look at the campus is seen by the second.
        return self.watch.moving() or self.sandbox.is_sending() or self.watch.moving()

    def _evidence(self, asked: int) -> Evidence:
        kafka = self.house.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
        watch, sandbox = self.watch, self.sandbox
        # The audits ask Stripe a lot, and are not what the faults are for.
        sandbox.behave()
        books, reconciled = self.house.audits()
        return Evidence(
            asked=asked,
            placements=self.phones.placements,
            taps=self.runners.taps,
            backed_out=self.runners.backed_out,
            troubles=self.runners.troubles,
            orders=watch.orders(),
            runs=watch.runs(),
            stripe=sandbox.orders(),
            booked=watch.booked(),
            balance=sandbox.balance(),
            clearing=watch.clearing(),
            open=watch.open(),
            unpaid=watch.unpaid(),
            recorded=watch.recorded(),
            messages=broker.messages(kafka),
            inbox=watch.inbox(),
            dead_letters=broker.dead_letters(kafka),
            told=watch.told(),
            delivered=sandbox.delivered(),
            heard=watch.heard(),
            books=books,
            reconciled=reconciled,
        )

    def _tables(self, evidence: Evidence, done: Mapping[str, int]) -> list[Table]:
        placements, totals, watch = self.phones.placements, self.sandbox.totals(), self.watch
        return [
            report.outcomes(watch.outcomes()),
            report.deliveries(self.runners.tally, self.phones.called_off),
            report.latencies(placements, watch.created_at()),
            report.operations(watch.operations(), totals),
            report.events(watch.events(), evidence.told),
            report.webhooks(watch.webhooks()),
            report.troubles(done, watch.counts().recovered, placements, totals),
        ]


@contextmanager
def staged(folder: Path, plan: Plan, board: Board) -> Iterator[Stage]:
    """A new campus, closed again at the end.

    Raises AlreadyRunning when an earlier one was kept, StackError when something fails.
    """
    with (
        opened(folder, plan, board.say) as house,
        closing(Watch(house.stack.env["DATABASE_URL"])) as watch,
    ):
        yield Stage(house, Sandbox(house.stack.env["STRIPE_API_BASE"]), watch, board)
