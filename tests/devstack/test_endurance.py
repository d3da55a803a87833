"""A soak and a chaos, both short: orders under faults and mischief, and the proof at the end."""

import re
import signal
from pathlib import Path

import pytest

from devstack.play.lunch import ORDERS_EACH, Kitchen, customers_for, one_after_another
from tests.devstack.conftest import Run as Start
from tests.devstack.conftest import alive, gone, heard

#: Nobody waits for a runner as long as in the plays that people look at.
QUICK = {"ORDER_TIMEOUT_SECONDS": "4"}


@pytest.mark.story
@pytest.mark.timeout(600)
def test_a_short_chaos_is_proven(folder: Path, run: Start) -> None:
    asked = ("--orders", 8, "--every", 0.2, "--seed", 5, "--state-dir", folder)
    chaos = run("-m", "devstack.chaos", *asked, env=QUICK)
    told, complaints = chaos.communicate(timeout=580)
    said = told.splitlines()
    assert (chaos.returncode, complaints) == (0, ""), told + complaints
    assert "make chaos ARGS='--orders 8 --minutes 5 --every 0.2 --seed 5'" in said[0]
    assert re.fullmatch(
        r"chaos: OK: 8 orders in [\d.]+ min, \d+ kills, \d+ pauses, \d+ wipes, \d+ crashes, "
        r"\d+ cuts, \d+ faults, \d+ runs recovered, quiet after \d+ s, "
        r"0 violations, 0 cents unexplained",
        said[-1],
    ), said[-1]


@pytest.mark.story
@pytest.mark.timeout(300)
def test_ctrl_c_amid_a_soak_leaves_nothing_running(folder: Path, run: Start) -> None:
    soak = run("-m", "devstack.soak", "--orders", 60, "--state-dir", folder)
    heard(soak, "placed ")
    pids = alive(folder)
    assert len(pids) >= 9  # Of ten, one may just have been killed.
    soak.send_signal(signal.SIGINT)
    assert (soak.wait(120), soak.stderr.read()) == (130, "")
    assert soak.stdout.read().endswith("soak: stopped\n")
    assert gone(*pids)


def test_lunch_hours_follow_each_other_and_no_key_comes_twice() -> None:
    eaters = [f"eater-{number}" for number in range(customers_for(12))]
    kitchens = [Kitchen("noodles", ("ramen",))]
    meals = one_after_another(1, eaters, kitchens)
    some = [next(meals) for _ in range(3 * ORDERS_EACH * len(eaters))]
    assert len({meal.key for meal in some}) == len(some)
    assert {meal.at for meal in some} == {0.0}
    again = one_after_another(1, eaters, kitchens)
    assert [next(again) for _ in some] == some
