"""The stories of a run once more, worked off message by message in this process.

No worker, no broker and no sweep has a part in them, so each takes milliseconds; and where one
fails, a debugger stands in the engine itself.
"""

from collections.abc import Callable
from typing import Any

import pytest

from sagas.models import Run
from tests.conftest import eventually
from tests.sagas.engine.conftest import Toy
from tests.sagas.engine.test_hands import (  # noqa: F401
    pause_all,
    test_a_broken_promise_is_checked_anew,
    test_a_failed_undo_done_by_hand_is_skipped,
    test_a_parked_run_is_resumed_where_it_stands,
    test_a_parked_run_whose_cause_stays_is_parked_again,
    test_a_run_is_ended_only_if_the_money_is_in_place,
    test_each_act_is_recorded_with_who_and_why_and_never_changed,
    test_only_the_failed_undo_is_repeated,
    test_past_the_pivot_nothing_is_turned_round,
)
from tests.sagas.engine.test_stories import *  # noqa: F403
from tests.sagas.messages import carry

pytestmark = pytest.mark.usefixtures("no_worker")


class ByHand(Toy):
    """A toy run whose messages are worked off as it is waited for."""

    def rests(self, within: float = 45.0) -> Run:
        """The run once the engine has nothing more to do with it; its waits are waited out."""
        eventually(lambda: not carry(self.id), within=within, every=0.002)
        return self.run


@pytest.fixture
def toy(committed_db: None, toy_tables: None) -> Callable[..., Toy]:
    """Start a toy run."""
    return ByHand


@pytest.fixture
def worker(no_worker: None) -> None:
    """Nobody but ourselves."""


@pytest.fixture(params=["batch", "off"])
def mode(request: pytest.FixtureRequest, settings: Any) -> None:
    """Many steps to a transaction, or one."""
    settings.SAGA_FAST_PATH = request.param


@pytest.fixture
def ran(mode: None, toy: Callable[..., Toy]) -> Callable[..., Toy]:
    """A toy run that has come to rest."""

    def run(*arguments: object, **script: str) -> Toy:
        one = toy(*arguments, **script)
        one.rests()
        return one

    return run
