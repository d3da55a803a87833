"""`make bench` works from start to end; what it measures in a hurry means nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.stack import KINDS
from tests.conftest import ROOT

#: By these the test run's own servers would be taken, and its own workers would join in.
SERVERS = {"STRIPE_SECRET_KEY", *(kind.variable for kind in KINDS.values())}


@pytest.mark.timeout(600)
def test_every_benchmark_runs_and_gives_figures(tmp_path: Path) -> None:
    raw = tmp_path / "raw.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", str(raw)],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if name not in SERVERS},
        capture_output=True,
        text=True,
        timeout=580,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    reports = json.loads(raw.read_text())["reports"]
    assert [report["title"].partition(",")[0] for report in reports] == [
        "Ten local steps",
        "Refused at step 7",
        "create_order whole",
        "4 runs",
        "Events",
        "Orders while the broker is away",
        "Due events",
        "New orders",
    ]
    for report in reports:
        assert report["title"] in done.stdout
        # So quick that one stretch may end before its first commit is flushed.
        costs = [cost for each in report["speeds"] for cost in each["costs"]]
        assert not costs or any(cost["commits"] > 0 for cost in costs)
        assert all(each["seconds"] for each in report["latencies"])
    ten = {each["name"]: each for each in reports[0]["speeds"]}
    batch, alone = ten["batch: one commit for all"], ten["the database alone, 1 commit"]
    commits, runs = batch["costs"][0]["commits"], batch["counts"][0]
    heartbeats = 20  # and whatever else the servers see to by themselves
    assert 2 * runs <= commits <= 4 * runs + heartbeats, (
        "one to start, one to run, and hints that gather"
    )
    commits, count = alone["costs"][0]["commits"], alone["counts"][0]
    assert count <= commits <= 1.5 * count + heartbeats, (
        "its own, and what hints of the runs before still told"
    )
