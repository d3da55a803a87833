"""What a run does, whatever its steps do: on a real worker, in each of the three modes."""

from collections.abc import Callable

import pytest

from sagas.models import RunStatus
from tests.conftest import Staff
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy

pytestmark = pytest.mark.story
MODES = ("batch", "step", "off")


@pytest.fixture(scope="module", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def ran(staff: Staff, mode: str, toy: Callable[..., Toy]) -> Callable[..., Toy]:
    """A toy run that has come to rest on a worker of this mode."""
    staff.only(SAGA_FAST_PATH=mode)

    def run(*arguments: object, **script: str) -> Toy:
        one = toy(*arguments, **script)
        one.rests()
        return one

    return run


def test_every_step_is_done_once_and_the_run_completes(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.local_saga)
    assert toy.run.status == RunStatus.COMPLETED
    assert toy.effects() == ["a", "b", "c", "d"]
    assert toy.timeline() == [("do", f"toys.{name}", "DONE") for name in "abcd"]


@pytest.mark.parametrize(
    ("refusing", "effects"),
    [
        ("a", ["undo_a"]),
        ("b", ["a", "undo_b", "undo_a"]),
        ("c", ["a", "b", "undo_c", "undo_b", "undo_a"]),
        ("d", ["a", "b", "c", "undo_c", "undo_b", "undo_a"]),
    ],
)
def test_a_refusal_undoes_every_step_begun_last_first(
    ran: Callable[..., Toy], refusing: str, effects: list[str]
) -> None:
    toy = ran(toys.local_saga, **{refusing: "refuse"})
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.effects() == effects
    assert ("do", f"toys.{refusing}", "REFUSED") in toy.timeline()
    assert f"{refusing} says no" in toy.run.reason


def test_a_step_that_breaks_twice_is_tried_again_and_leaves_one_effect(
    ran: Callable[..., Toy],
) -> None:
    toy = ran(toys.local_saga, c="break:3")
    assert toy.run.status == RunStatus.COMPLETED
    assert toy.effects() == ["a", "b", "c", "d"]


def test_a_step_that_always_breaks_is_given_up_and_undone(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.local_saga, c="break")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.effects() == ["a", "b", "undo_c", "undo_b", "undo_a"]


def test_facts_learnt_reach_the_steps_that_need_them(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.facts_saga)
    assert toy.run.facts["learnt"] == 41
    assert toy.effects() == ["learn", "use:41"]


def test_an_optional_step_that_refuses_is_skipped_and_logged(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.optional_saga, b="refuse")
    assert toy.run.status == RunStatus.COMPLETED
    assert toy.effects() == ["a", "c"]
    assert ("do", "toys.b", "REFUSED") in toy.timeline()


def test_an_optional_step_that_breaks_is_tried_and_then_skipped(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.optional_saga, b="break")
    assert toy.run.status == RunStatus.COMPLETED
    assert toy.effects() == ["a", "c"]


def test_a_remote_step_is_called_once_and_the_run_goes_on(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.remote_saga)
    assert toy.run.status == RunStatus.COMPLETED
    assert toy.remote() == {"remote": "on"}
    assert [name for name in toy.effects() if name != "remote"] == ["a", "b", "c"]


def test_a_lost_reply_is_resolved_by_the_same_key(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.remote_saga, remote="lose")
    assert toy.run.status == RunStatus.COMPLETED
    assert toy.remote() == {"remote": "on"}
    assert toy.tries().count("remote") == 2


def test_a_remote_refusal_keeps_its_outcome_and_undoes_what_came_before(
    ran: Callable[..., Toy],
) -> None:
    toy = ran(toys.remote_saga, remote="decline")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.effects()[-1] == "undo_a"


def test_a_remote_step_refused_before_it_calls_undoes_what_came_before(
    ran: Callable[..., Toy],
) -> None:
    toy = ran(toys.remote_saga, remote="refuse")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.run.reason == "toys.remote: remote says no"
    assert toy.effects()[-1] == "undo_a"


def test_a_remote_step_that_finds_its_answer_without_a_call_makes_none(
    ran: Callable[..., Toy],
) -> None:
    toy = ran(toys.remote_saga, remote="needless")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.run.reason == "toys.remote: nothing to call for"


def test_a_later_refusal_undoes_the_remote_step(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.remote_saga, c="refuse")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.remote() == {"remote": "off", "unremote": "on"}
    assert toy.effects()[-3:] == ["undo_b", "unremote", "undo_a"]


def test_after_the_pivot_a_broken_step_parks_the_run_and_undoes_nothing(
    ran: Callable[..., Toy],
) -> None:
    toy = ran(toys.pivot_saga, after="break")
    assert toy.run.status == RunStatus.PARKED
    assert toy.effects() == ["a", "b"]
    assert "after broke" in toy.run.reason
    assert toy.run.remedy


def test_a_far_pivot_that_keeps_breaking_may_have_happened_so_nothing_is_undone(
    ran: Callable[..., Toy],
) -> None:
    toy = ran(toys.far_pivot_saga, remote="crash")
    assert toy.run.status == RunStatus.PARKED
    assert toy.effects().count("undo_a") == 0


def test_a_far_pivot_that_is_refused_undoes_what_came_before(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.far_pivot_saga, remote="decline")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.effects()[-1] == "undo_a"


def test_a_refused_pivot_undoes_what_came_before(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.pivot_saga, b="refuse")
    assert toy.run.status == RunStatus.COMPENSATED
    assert toy.effects() == ["a", "undo_a"]


def test_a_compensation_that_keeps_failing_parks_the_run(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.local_saga, c="refuse", undo_b="break")
    assert toy.run.status == RunStatus.PARKED
    assert toy.effects() == ["a", "b", "undo_c"]
    assert toy.run.reason == (
        "toys.c: c says no; then toys.undo_b failed: toys.undo_b: RuntimeError('undo_b broke')"
    )


def test_timers_are_undone_even_after_a_failed_compensation(ran: Callable[..., Toy]) -> None:
    toy = ran(toys.timer_saga, c="refuse", undo_b="break")
    assert toy.run.status == RunStatus.PARKED
    assert toy.effects() == ["a", "b", "undo_timer"]


@pytest.mark.parametrize("script", [{}, {"d": "refuse"}])
def test_a_broken_promise_parks_the_run_with_the_difference(
    ran: Callable[..., Toy], script: dict[str, str]
) -> None:
    toy = ran(toys.local_saga, difference="7", **script)
    assert toy.run.status == RunStatus.PARKED
    assert toy.run.amount_at_risk == 7
    assert "7 minor units" in toy.run.reason
