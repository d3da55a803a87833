"""A soak and a chaos, both short: orders under faults and mischief, and the proof at the end."""

import re
from pathlib import Path

import pytest

from devstack.play.lunch import ORDERS_EACH, Kitchen, customers_for, one_after_another
from tests.devstack.conftest import Run as Start

#: Nobody waits for a runner as long as in the plays that people look at.
QUICK = {"ORDER_TIMEOUT_SECONDS": "4"}


def played(run: Start, folder: Path, *arguments: object) -> list[str]:
    """What a play said that was proven."""
    play = run("-m", *arguments, "--state-dir", folder, env=QUICK)
    said, complaints = play.communicate(timeout=280)
    assert (play.returncode, complaints) == (0, ""), said + complaints
    return said.splitlines()


@pytest.mark.story
@pytest.mark.timeout(300)
def test_a_short_soak_is_proven_though_a_worker_was_killed(folder: Path, run: Start) -> None:
    said = played(run, folder, "devstack.soak", "--orders", 8, "--every", 30, "--seed", 5)
    assert "make soak ARGS='--orders 8 --minutes 60 --every 30 --seed 5'" in said[0]
    last = re.fullmatch(
        r"soak: OK: 8 orders in [\d.]+ min, 1 kills, \d+ faults, quiet after \d+ s, "
        r"0 violations, 0 cents unexplained",
        said[-1],
    )
    assert last, said[-1]


def test_lunch_hours_follow_each_other_and_no_key_comes_twice() -> None:
    eaters = [f"eater-{number}" for number in range(customers_for(12))]
    kitchens = [Kitchen("noodles", ("ramen",))]
    meals = one_after_another(1, eaters, kitchens)
    some = [next(meals) for _ in range(3 * ORDERS_EACH * len(eaters))]
    assert len({meal.key for meal in some}) == len(some)
    assert {meal.at for meal in some} == {0.0}
    again = one_after_another(1, eaters, kitchens)
    assert [next(again) for _ in some] == some
