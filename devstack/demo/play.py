"""One lunch hour from an empty folder to the proof: orders, runners, faults, kills, quiet."""

import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.demo import broker, payees, report
from devstack.demo.clients import Phones
from devstack.demo.evidence import Check, Evidence
from devstack.demo.house import PASSWORD, House, opened, welcome
from devstack.demo.lunch import Meal, customers_for, lunch_hour
from devstack.demo.proof import checks
from devstack.demo.runners import Runners
from devstack.demo.sandbox import Sandbox
from devstack.demo.show import Board, Progress
from devstack.demo.watch import Counts, Watch
from devstack.up import keep_alive

STOPPED = 130  # what a shell says of a command that Ctrl-C ended
ORDERS_PER_SECOND = 6.0
SHORTEST_LUNCH = 5.0  # seconds
KILLS_AT = (0.4, 0.8)  # parts of the hour
DOOMED = ("worker", "relay", "notifications")
QUIET_WITHIN = 90.0  # seconds after the last order


@dataclass
class Play:
    """What is being played, and the exit code as far as it is known."""

    board: Board
    folder: Path
    orders: int
    seed: int
    keep: bool
    ending: int = STOPPED
    kills: int = 0
    _created_seen: bool = field(default=False, init=False)

    def run(self) -> None:
        """Play it. Raises StackError when something breaks that should not."""
        with opened(self.folder, customers_for(self.orders), self.board.say) as house:
            sandbox = Sandbox(house.stack.env["STRIPE_API_BASE"])
            with closing(Watch(house.stack.env["DATABASE_URL"])) as watch:
                with self.board:
                    phones, runners = self._lunch(house, sandbox, watch)
                found = self._report(house, sandbox, watch, phones, runners)
            wrong = [str(check) for check in found if not check.holds]
            self.ending = 1 if wrong else 0
            if self.keep:
                sandbox.behave()
                self.board.note(welcome(house))
            elif wrong:
                again = f"--orders {self.orders} --seed {self.seed}"
                self.board.note(f"To look into it: make demo KEEP=1 ARGS='{again}'")
            self.board.end(f"FAILED: {'. '.join(wrong)}" if wrong else "OK")
            if self.keep:
                keep_alive(house.stack, self.board.note)

    def _lunch(self, house: House, sandbox: Sandbox, watch: Watch) -> tuple[Phones, Runners]:
        """Place and deliver every order, with the workers killed on the way, and wait for quiet."""
        meals = lunch_hour(self.seed, self.orders, house.customers, house.kitchens)
        seconds = max(SHORTEST_LUNCH, self.orders / ORDERS_PER_SECOND)

        def placed(meal: Meal, order_id: str) -> None:
            if meal.unpaid:
                sandbox.decline_capture(order_id)
            if meal.broke:
                sandbox.decline_charge(order_id)

        sandbox.misbehave(self.seed)
        restricted = payees.restrict_some(house, sandbox, self.seed)
        self.board.say(f"web, workers, beat are up; lunch: {self.orders} orders in {seconds:.0f} s")
        kills = [*KILLS_AT]
        phones = Phones(house.site, PASSWORD, meals, seconds, placed)
        runners = Runners(house.site, PASSWORD, house.runners, self.seed, phones.pin)
        with phones, runners:
            while not phones.done:
                counts = self._look(house, sandbox, watch, phones)
                if kills and phones.hour >= kills[0] and counts.live:
                    self._kill(house, counts)
                    del kills[0]
                time.sleep(0.05)
            self._wait_for_quiet(house, sandbox, watch, phones)
        self.board.say(payees.lift_one(house, sandbox, restricted))
        self._wait_for_quiet(house, sandbox, watch, phones)
        return phones, runners

    def _wait_for_quiet(self, house: House, sandbox: Sandbox, watch: Watch, phones: Phones) -> None:
        deadline = time.monotonic() + QUIET_WITHIN
        while watch.moving() and time.monotonic() < deadline:
            self._look(house, sandbox, watch, phones)
            time.sleep(0.1)

    def _kill(self, house: House, counts: Counts) -> None:
        killed = [pid for family in DOOMED for pid in house.supervisor.pids(family)]
        workers = len(house.supervisor.pids("worker"))
        for family in DOOMED:
            house.supervisor.kill_all(family)
        self.kills += len(killed)
        self.board.say(
            f"kill -9 of all {workers} workers, the relay and the consumer amid {counts.live} "
            f"live runs and {counts.recorded - counts.handled} events on their way"
        )

    def _look(self, house: House, sandbox: Sandbox, watch: Watch, phones: Phones) -> Counts:
        house.check_servers()
        counts = watch.counts()
        if counts.created and not self._created_seen:
            self._created_seen = True
            self.board.say("the first order is CREATED")
        self.board.show(lambda: _progress(counts, sandbox.totals(), phones.hour))
        return counts

    def _report(
        self, house: House, sandbox: Sandbox, watch: Watch, phones: Phones, runners: Runners
    ) -> list[Check]:
        """Hear every witness and print the tables."""
        kafka = house.stack.env["KAFKA_BOOTSTRAP_SERVERS"]
        evidence = Evidence(
            asked=self.orders,
            placements=phones.placements,
            taps=runners.taps,
            backed_out=runners.backed_out,
            troubles=runners.troubles,
            orders=watch.orders(),
            runs=watch.runs(),
            stripe=sandbox.orders(),
            booked=watch.booked(),
            balance=sandbox.balance(),
            clearing=watch.clearing(),
            open=watch.open(),
            recorded=watch.recorded(),
            messages=broker.messages(kafka),
            inbox=watch.inbox(),
            dead_letters=broker.dead_letters(kafka),
            told=watch.told(),
            books=house.books(),
        )
        found, totals = checks(evidence), sandbox.totals()
        self.board.print(
            report.outcomes(watch.outcomes()),
            report.deliveries(runners.tally, phones.called_off),
            report.latencies(phones.placements, watch.created_at()),
            report.operations(watch.operations(), totals),
            report.events(watch.events(), evidence.told),
            report.troubles(self.kills, watch.counts().recovered, phones.placements, totals),
            report.proof(found),
        )
        return found


def _progress(counts: Counts, totals: Mapping[str, Any], hour: float) -> Progress:
    return Progress(
        time=f"12:{int(hour * 59):02}",
        placed=counts.orders,
        created=counts.created,
        on_the_way=counts.on_the_way,
        completed=counts.completed,
        cancelled=counts.cancelled,
        in_flight=counts.live,
        recovered=counts.recovered,
        events=counts.recorded,
        events_behind=counts.recorded - counts.handled,
        told=counts.told,
        sandbox_requests=sum(totals["requests"].values()),
        faults_fired=sum(totals["faults"].values()),
    )
