"""`manage.py saga_crashtest`: every saga is in it, a sample of it ends right, and it can fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from campusg.points import Point
from devstack.crashtest import cells
from devstack.crashtest.cells import Cell, Harm
from devstack.crashtest.driver import At
from devstack.crashtest.judging import Story
from devstack.crashtest.matrix import FAIL, NOT_REACHED, OK, Verdict, last_line, printed
from devstack.crashtest.scenes import SCENES
from devstack.stripe import CHECKOUT
from sagas.engine.definition import Saga
from sagas.tasks import SAGAS

#: Of every kind one at least: a death, a cut, a killed worker, a lost reply, an echo, the relay's.
SAMPLE = 8


def crashtest(*arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "manage.py", "saga_crashtest", *arguments]
    env = {k: v for k, v in os.environ.items() if not k.endswith("_URL")}
    env["DJANGO_SETTINGS_MODULE"] = "campusg.settings.local"
    return subprocess.run(
        argv, cwd=CHECKOUT, env=env, capture_output=True, text=True, timeout=280, check=False
    )


def test_every_saga_is_crashed() -> None:
    assert {scene.partition(" ")[0] for scene in SCENES} == {saga.name for saga in SAGAS}


def test_every_step_and_every_undo_is_crashed_at_every_point_of_its_kind() -> None:
    create_order = Saga.registry["create_order"]
    made = {(one.at, one.point) for one in cells.cells(["create_order"]) if one.harm is Harm.DIE}
    for position in range(1, create_order.length + 1):
        remote = create_order.step(position).do.remote
        for point in cells.REMOTE if remote else cells.LOCAL:
            assert (At(True, position), point) in made
    undone = {one.at.position for one in cells.cells(["create_order"]) if one.at and one.turns}
    assert undone == {2, 3, 4}


def test_a_worker_is_killed_in_every_step_and_the_relay_dies_with_every_event() -> None:
    every = cells.cells(["create_order"])
    killed = {one.at for one in every if one.harm is Harm.KILL}
    assert killed == {one.at for one in every if one.at}
    told = {one.at.position for one in every if one.at and one.relayed}
    create_order = Saga.registry["create_order"]
    assert told == {at for at, row in enumerate(create_order.steps, 1) if row.emits}


def test_every_kind_of_harm_is_in_a_sample() -> None:
    drawn = cells.sample(cells.cells([*SCENES]), SAMPLE, seed=7)
    assert {one.harm for one in drawn} == set(Harm)
    assert any(one.relayed for one in drawn)


@pytest.mark.timeout(300)
def test_a_sample_of_all_cells_ends_as_if_nobody_had_disturbed_it(tmp_path: Path) -> None:
    done = crashtest(f"--sample={SAMPLE}", "--seed=7", f"--state-dir={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 FAIL" in done.stdout.splitlines()[-1]
    assert "verify_books: 0 violations" in done.stdout


def test_a_cell_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    done = crashtest("--cell=create_order:do:99:any:die", f"--state-dir={tmp_path}")
    assert done.returncode == 2
    assert "There is no cell or saga" in done.stderr


@pytest.mark.parametrize(
    ("part", "disturbed"), [("stripe", {"held": 1772}), ("events", ["order.created"] * 2)]
)
def test_a_life_that_differs_is_a_failure_that_says_in_what(part: str, disturbed: object) -> None:
    calm = Story({"stripe": {"held": 0}, "events": ["order.created"]})
    differences = Story({**calm.parts, part: disturbed}).differences(calm)
    assert len(differences) == 1
    assert differences[0].startswith(f"{part}: {disturbed}")


def test_what_was_not_reached_counts_for_nothing() -> None:
    cell = Cell("create_order", Harm.DIE, At(True, 3), Point.CALLED)
    verdicts = [
        Verdict(cell, OK),
        Verdict(cell, NOT_REACHED, "nothing had to be called"),
        Verdict(cell, FAIL, "stripe: two holds"),
    ]
    assert last_line(verdicts) == "crashtest: 2 cells, 1 FAIL (1 more not reached)"
    page = printed(verdicts, seed=7)
    assert "--cell 'create_order:do:3:called:die' --seed 7" in page
    assert "not reached (1): nothing had to be called" in page
