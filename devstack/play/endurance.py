"""An endurance test: orders as fast as the campus takes them, faults and mischief all the while;
then all of it ends, the campus comes to rest, and every witness is heard."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Protocol

from devstack.play import payees, report
from devstack.play.command import STOPPED, count, options, perform
from devstack.play.faults import FIVE_PERCENT
from devstack.play.house import Plan, welcome
from devstack.play.lunch import Meal, customers_for, one_after_another
from devstack.play.show import Board, Progress
from devstack.play.stage import Stage, staged
from devstack.stack import DEFAULT_FOLDER
from devstack.up import keep_alive

#: Orders that have not ended, and runs at work, beyond which nobody orders: payouts run in the
#: background, so a campus without a pause would owe ever more of them.
MOST_OPEN, MOST_RUNS = 48, 150
MOST_CUSTOMERS = 120
SETTINGS = "devstack.play.endurance_settings"
PATIENCE = 300.0  # seconds for which a person asks the same again
QUIET_WITHIN = 600.0  # seconds after the last order
TICK = 0.2  # seconds


def endure(
    name: str,
    description: str | None,
    *,
    minutes: float,
    every: float,
    mischief: Callable[[Stage, Random, float], "Mischief"],
    plan: Callable[[Plan], Plan] = lambda plan: plan,
) -> int:
    """The command `make NAME` with its options; their defaults are `minutes` and `every`. `plan`
    may change the campus. The exit code of `perform`."""
    board = Board(name, time.monotonic(), live=2.0, pipe=10.0)
    parser = options(name, description, DEFAULT_FOLDER / name)
    parser.add_argument("--orders", type=count, default=10_000, help="at most (10000)")
    told = f"of ordering, at most ({minutes:g})"
    parser.add_argument("--minutes", type=float, default=minutes, help=told)
    told = f"seconds between two mischiefs ({every:g})"
    parser.add_argument("--every", type=float, default=every, help=told)
    asked = parser.parse_args()
    customers = min(MOST_CUSTOMERS, customers_for(asked.orders))
    return perform(
        Endurance(
            board=board,
            folder=asked.state_dir.resolve(),
            name=name,
            orders=asked.orders,
            minutes=asked.minutes,
            every=asked.every,
            seed=asked.seed,
            keep=asked.keep,
            plan=plan(Plan(customers, settings=SETTINGS)),
            mischief=mischief,
        )
    )


class Mischief(Protocol):
    """What is done to a campus at work."""

    @property
    def done(self) -> Mapping[str, int]:
        """What was done, and how often."""

    def act(self) -> None:
        """Do what is due; called a few times a second, by the main thread."""

    def end(self) -> None:
        """Do no more, and take back what can be taken back."""


@dataclass
class Endurance:
    """A play of at most so many orders and minutes."""

    board: Board
    folder: Path
    name: str  # what `make` calls it
    orders: int
    minutes: float
    every: float  # seconds between two mischiefs
    seed: int
    keep: bool
    plan: Plan
    mischief: Callable[[Stage, Random, float], Mischief]
    ending: int = STOPPED
    _under_way: tuple[int, int] = field(default=(0, 0), init=False)
    _asked: int = field(default=0, init=False)
    _began: float = field(default=0.0, init=False)
    _quiet_after: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Play it. Raises StackError when something breaks that should not."""
        again = (
            f"make {self.name} ARGS='--orders {self.orders} --minutes {self.minutes:g} "
            f"--every {self.every:g} --seed {self.seed}'"
        )
        self.board.say(again)
        with staged(self.folder, self.plan, self.board) as stage:
            mischief = self.mischief(stage, Random(self.seed), self.every)
            with self.board:
                self._play(stage, mischief)
            self._judge(stage, mischief, again)
            if self.keep:
                self.board.note(welcome(stage.house))
                keep_alive(stage.house.stack, self.board.note)

    def _play(self, stage: Stage, mischief: Mischief) -> None:
        house, sandbox = stage.house, stage.sandbox
        # In this order: of the faults that fit a webhook only the oldest strikes.
        restricted = payees.restrict_some(house, sandbox, self.seed)
        sandbox.misbehave(self.seed, FIVE_PERCENT)
        self._began = time.monotonic()
        meals = self._meals(stage)
        with stage.peopled(meals, self.seed, 1.0, room=self._room, patience=PATIENCE):
            while not (stage.phones.done or self._time_is_up):
                self._look(stage, mischief)
                mischief.act()
                time.sleep(TICK)
            mischief.end()
            sandbox.behave()
            self.board.say(f"{self._asked} orders placed; no more faults from here on")
            ended = time.monotonic()
            while not stage.phones.done:  # Whoever was about to order does so.
                self._look(stage, mischief)
                time.sleep(TICK)
            self._until_quiet(stage, mischief)
            self._quiet_after = time.monotonic() - ended
        self.board.say(payees.lift_one(sandbox, restricted))
        self._until_quiet(stage, mischief)

    @property
    def _time_is_up(self) -> bool:
        return time.monotonic() > self._began + 60 * self.minutes

    def _until_quiet(self, stage: Stage, mischief: Mischief) -> None:
        stage.until_quiet(QUIET_WITHIN, lambda: self._look(stage, mischief), every=1.0)

    def _room(self) -> bool:
        orders, runs = self._under_way
        return orders < MOST_OPEN and runs < MOST_RUNS

    def _meals(self, stage: Stage) -> Iterator[Meal]:
        """As many as are asked for, or as there is time for."""
        house = stage.house
        endless = one_after_another(self.seed, house.customers, house.kitchens)
        for meal in islice(endless, self.orders):
            if self._time_is_up:
                return
            self._asked += 1
            yield meal

    def _look(self, stage: Stage, mischief: Mischief) -> None:
        stage.house.check_servers()
        self._under_way = stage.watch.under_way()
        self.board.show(lambda: self._progress(stage, mischief))

    def _progress(self, stage: Stage, mischief: Mischief) -> Progress:
        counts, totals = stage.watch.counts(), stage.sandbox.totals()
        minutes = (time.monotonic() - self._began) / 60
        return {
            "placed": counts.orders,
            "a minute": f"{counts.orders / max(minutes, 0.01):.0f}",
            "completed": counts.completed,
            "cancelled": counts.cancelled,
            "open": self._under_way[0],
            "runs": self._under_way[1],
            "recovered": counts.recovered,
            "events behind": counts.recorded - counts.handled,
            "faults": sum(totals["faults"].values()),
            **mischief.done,
        }

    def _judge(self, stage: Stage, mischief: Mischief, again: str) -> None:
        minutes = (time.monotonic() - self._began) / 60
        found = stage.proof(self._asked, mischief.done)
        parked = list(stage.watch.parked())
        if parked:
            self.board.print(report.parked(parked))
        figures = {
            **mischief.done,
            "faults": sum(stage.sandbox.totals()["faults"].values()),
            "runs recovered": stage.watch.counts().recovered,
        }
        told = ", ".join(f"{times} {what}" for what, times in figures.items())
        wrong = [str(check) for check in found if not check.holds]
        self.ending = 1 if wrong else 0
        if wrong:
            self.board.note(f"Again: {again}")
        self.board.end(
            f"FAILED: {'. '.join(wrong)}"
            if wrong
            else f"OK: {self._asked} orders in {minutes:.1f} min, {told}, quiet after "
            f"{self._quiet_after:.0f} s, 0 violations, 0 cents unexplained"
        )
