"""Inside the stack: play every cell, bring everything to rest, judge. `manage.py saga_crashtest`
starts this with the servers' addresses."""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "devstack.crashtest.settings")
django.setup()

from campusg.points import Point  # noqa: E402
from devstack.crashtest import cells, judging, matrix  # noqa: E402
from devstack.crashtest.cells import Cell, Harm  # noqa: E402
from devstack.crashtest.driver import Driver  # noqa: E402
from devstack.crashtest.harming import BROKE, UNTOUCHED, harm  # noqa: E402
from devstack.crashtest.judging import Outside, Story  # noqa: E402
from devstack.crashtest.killing import Slaughter, rescue  # noqa: E402
from devstack.crashtest.matrix import FAIL, NOT_REACHED, OK, Verdict  # noqa: E402
from devstack.crashtest.relaying import relay_in_a_process  # noqa: E402
from devstack.crashtest.scenes import SCENES, Campus, Scene  # noqa: E402

QUIET_WITHIN = 600.0  # seconds, on a machine that others use too
#: A cell, its scene, how its process ended, and what that said.
Played = tuple[Cell, Scene, int, str]


def main() -> int:
    """Exit codes: 0 every cell ended right, 1 one did not."""
    options = _options()
    wanted = _wanted(options)
    driver, campus = Driver(), Campus(options.folder)
    campus.seed()
    campus.open(driver)
    begun = time.monotonic()
    verdicts = _judged(wanted, campus, driver)
    print(matrix.printed(verdicts, options.seed))
    for order_id in judging.never_opened():
        campus.call_off(order_id)
    wrong = judging.books()
    print(f"\nseed {options.seed}, {time.monotonic() - begun:.0f} s")
    print("\n".join(wrong) if wrong else "verify_books: 0 violations")
    print(matrix.last_line(verdicts))
    return 1 if wrong or any(one.word == FAIL for one in verdicts) else 0


def _judged(wanted: list[Cell], campus: Campus, driver: Driver) -> list[Verdict]:
    """Harm first, all of it; then let the sweep bring everything to rest at once; then look."""
    undisturbed = _undisturbed(wanted, campus, driver)
    played = _played(wanted, campus, driver)
    relay_in_a_process()
    outside = Outside.asked()
    calm = {name: judging.story(one.order_id, outside) for name, one in undisturbed.items()}
    return [
        _verdict(cell, code, said, judging.story(scene.order_id, outside), calm[_ending(cell)])
        for cell, scene, code, said in played
    ]


def _played(wanted: list[Cell], campus: Campus, driver: Driver) -> list[Played]:
    """In processes forked from this one; then what is about the relay; then what kills workers,
    so that each of them finds none but its own work."""
    killed = [cell for cell in wanted if cell.harm is Harm.KILL]
    relayed = [cell for cell in wanted if cell.relayed]
    played: list[Played] = []

    def play(cells: list[Cell], harmed: Callable[[Cell, Scene], tuple[int, str]]) -> None:
        for cell in cells:
            scene = SCENES[cell.scene](campus)
            played.append((cell, scene, *harmed(cell, scene)))
            _progress(len(played), len(wanted))

    play([cell for cell in wanted if not cell.relayed and cell.harm is not Harm.KILL], harm)
    if relayed:
        relay_in_a_process()
        play(relayed, harm)
    driver.quiet(QUIET_WITHIN)
    if killed:
        with Slaughter(campus.folder, driver) as slaughter:
            play(killed, slaughter.kill)
        rescue(campus.folder, QUIET_WITHIN)
    return played


def _undisturbed(wanted: list[Cell], campus: Campus, driver: Driver) -> dict[str, Scene]:
    """Each scene when nothing is harmed: gone through, turned round, or never begun."""
    scenes: dict[str, Scene] = {}
    for cell in wanted:
        if _ending(cell) in scenes:
            continue
        scene = scenes[_ending(cell)] = SCENES[cell.scene](campus)
        if cell.point is Point.STARTING:
            continue
        run_id = scene.begin()
        if cell.turns:
            driver.turn(run_id)
        driver.deliver(run_id)
    driver.quiet(QUIET_WITHIN)
    return scenes


def _ending(cell: Cell) -> str:
    if cell.point is Point.STARTING:
        return f"{cell.scene}, never begun"
    return f"{cell.scene}, turned round" if cell.turns else cell.scene


def _verdict(cell: Cell, code: int, said: str, story: Story, undisturbed: Story) -> Verdict:
    if code == BROKE:
        return Verdict(cell, FAIL, said.strip())
    differences = story.differences(undisturbed)
    if differences:
        return Verdict(cell, FAIL, "; ".join(differences))
    if code == UNTOUCHED:
        return Verdict(cell, NOT_REACHED, _reason(cell))
    return Verdict(cell, OK)


def _reason(cell: Cell) -> str:
    if cell.relayed:
        return f"{cell.row[0]} {cell.row[1]}: recorded nothing that waited for the relay"
    if cell.harm in (Harm.DROP, Harm.KILL) or cell.point in (
        Point.CLAIMED,
        Point.CALLED,
        Point.RECORDING,
    ):
        return f"{cell.row[0]} {cell.row[1]}: nothing had to be called"
    return f"{cell.row[0]} {cell.row[1]}: never came to {cell.point}"


def _wanted(options: argparse.Namespace) -> list[Cell]:
    if options.cell:
        return list(filter(None, [cells.named(options.cell)]))
    wanted = cells.cells(cells.scenes_of(options.sagas))
    return cells.sample(wanted, options.sample, options.seed) if options.sample else wanted


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="manage.py saga_crashtest", description=__doc__)
    parser.add_argument("sagas", nargs="*")
    parser.add_argument("--cell", default="")
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    return parser.parse_args()


def _progress(number: int, total: int) -> None:
    if sys.stderr.isatty() or number % 100 == 0:
        print(f"\r{number} of {total} cells", end="" if number < total else "\n", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
