"""One lunch hour from an empty folder to the proof: orders, runners, faults, kills, quiet."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devstack.play import payees
from devstack.play.command import STOPPED
from devstack.play.house import Plan, welcome
from devstack.play.lunch import Meal, customers_for, lunch_hour
from devstack.play.show import Board, Progress
from devstack.play.stage import Stage, staged
from devstack.play.watch import Counts
from devstack.up import keep_alive

ORDERS_PER_SECOND = 6.0
SHORTEST_LUNCH = 5.0  # seconds
KILLS_AT = (0.4, 0.8)  # parts of the hour
DOOMED = ("worker", "relay", "notifications")
QUIET_WITHIN = 90.0  # seconds after the last order


@dataclass
class Lunch:
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
        with staged(self.folder, Plan(customers_for(self.orders)), self.board) as stage:
            with self.board:
                self._lunch(stage)
            found = stage.proof(self.orders, {"processes killed with SIGKILL": self.kills})
            wrong = [str(check) for check in found if not check.holds]
            self.ending = 1 if wrong else 0
            if self.keep:
                self.board.note(welcome(stage.house))
            elif wrong:
                again = f"--orders {self.orders} --seed {self.seed}"
                self.board.note(f"To look into it: make demo KEEP=1 ARGS='{again}'")
            self.board.end(f"FAILED: {'. '.join(wrong)}" if wrong else "OK")
            if self.keep:
                keep_alive(stage.house.stack, self.board.note)

    def _lunch(self, stage: Stage) -> None:
        """Place and deliver every order, with the workers killed on the way, and wait for quiet."""
        house, sandbox = stage.house, stage.sandbox
        meals = lunch_hour(self.seed, self.orders, house.customers, house.kitchens)
        seconds = max(SHORTEST_LUNCH, self.orders / ORDERS_PER_SECOND)

        def placed(meal: Meal, order_id: str) -> None:
            if meal.unpaid:
                sandbox.decline_capture(order_id)
            if meal.broke:
                sandbox.decline_charge(order_id)

        # In this order: of the faults that fit a webhook only the oldest strikes.
        restricted = payees.restrict_some(house, sandbox, self.seed)
        sandbox.misbehave(self.seed)
        self.board.say(f"web, workers, beat are up; lunch: {self.orders} orders in {seconds:.0f} s")
        kills = [*KILLS_AT]
        with stage.peopled(meals, self.seed, seconds, placed=placed):
            while not stage.phones.done:
                counts = self._look(stage)
                if kills and stage.phones.hour >= kills[0] and counts.live:
                    self._kill(stage, counts)
                    del kills[0]
                time.sleep(0.05)
            stage.until_quiet(QUIET_WITHIN, lambda: self._look(stage))
        self.board.say(payees.lift_one(sandbox, restricted))
        stage.until_quiet(QUIET_WITHIN, lambda: self._look(stage))

    def _kill(self, stage: Stage, counts: Counts) -> None:
        supervisor = stage.house.supervisor
        killed = [pid for family in DOOMED for pid in supervisor.pids(family)]
        workers = len(supervisor.pids("worker"))
        for family in DOOMED:
            supervisor.kill_all(family)
        self.kills += len(killed)
        self.board.say(
            f"kill -9 of all {workers} workers, the relay and the consumer amid {counts.live} "
            f"live runs and {counts.recorded - counts.handled} events on their way"
        )

    def _look(self, stage: Stage) -> Counts:
        stage.house.check_servers()
        counts = stage.watch.counts()
        if counts.created and not self._created_seen:
            self._created_seen = True
            self.board.say("the first order is CREATED")
        hour = stage.phones.hour
        self.board.show(lambda: _progress(counts, stage.sandbox.totals(), hour))
        return counts


def _progress(counts: Counts, totals: Mapping[str, Any], hour: float) -> Progress:
    return {
        "time": f"12:{int(hour * 59):02}",
        "placed": counts.orders,
        "created": counts.created,
        "on the way": counts.on_the_way,
        "completed": counts.completed,
        "cancelled": counts.cancelled,
        "in flight": counts.live,
        "recovered": counts.recovered,
        "events": counts.recorded,
        "events behind": counts.recorded - counts.handled,
        "told": counts.told,
        "sandbox requests": sum(totals["requests"].values()),
        "faults fired": sum(totals["faults"].values()),
    }
