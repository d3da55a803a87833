"""A run's stream: each line of its timeline as it changes, to the end."""

from collections.abc import Callable

import pytest
from django.db import transaction

from campusg.api.live import Reading
from campusg.ids import new_id
from sagas.engine import store
from sagas.models import Direction, Run, RunStatus, StepLog, StepState
from sagas.streams import RunTimeline
from tests.api.conftest import Client
from tests.api.world import a_run_that_waits_for_the_card
from tests.conftest import Worker
from tests.factories import a_customer, a_person
from tests.live.conftest import Following
from tests.makers import make_customer, make_restaurant
from tests.sagas.placed import Placed
from tests.server import Server
from users.models import Role

timeline = RunTimeline()


@pytest.fixture
def run(db: None) -> Run:
    return a_run_that_waits_for_the_card(a_customer())


def log(run: Run, position: int, state: StepState, **other: object) -> None:
    fields = {"direction": Direction.DO, "participant": "payments.authorize"} | other
    StepLog.objects.update_or_create(
        run=run,
        position=position,
        direction=fields.pop("direction"),
        defaults=fields | {"state": state},
    )


def seen(reading: Reading) -> list[str]:
    return [frame.event for frame in reading.frames]


def test_a_line_that_changes_in_place_is_told_again_and_no_other(run: Run) -> None:
    log(run, 1, StepState.DONE)
    log(run, 2, StepState.STARTED)
    first = timeline.read(run.pk, "", ops=True)
    assert seen(first) == ["step", "step", "run"]
    assert timeline.read(run.pk, first.cursor, ops=True).frames == []
    for change in ({"state": StepState.FAILED}, {"state": StepState.STARTED, "attempt": 2}):
        log(run, 2, **change)
        after = timeline.read(run.pk, first.cursor, ops=True)
        assert (seen(after), '"position":2' in after.frames[0].data) == (["step"], True)
        first = after
    log(run, 2, StepState.STARTED, direction=Direction.UNDO, attempt=1)
    assert seen(timeline.read(run.pk, first.cursor, ops=True)) == ["step"]


def test_every_id_on_the_way_goes_on_exactly_after_it(run: Run) -> None:
    for position in (1, 2, 3):
        log(run, position, StepState.DONE)
    everything = timeline.read(run.pk, "", ops=True).frames
    for at, frame in enumerate(everything, 1):
        rest = timeline.read(run.pk, frame.id, ops=True).frames
        assert [one.data for one in rest] == [one.data for one in everything[at:]]


def test_only_operators_are_told_an_error_in_its_own_words(run: Run) -> None:
    log(run, 1, StepState.FAILED, error="psycopg2.Error: secret")
    for ops in (True, False):
        told = timeline.read(run.pk, "", ops=ops).frames[0].data
        assert ("secret" in told) == ops


def test_without_a_server_that_keeps_it_open_a_stream_is_what_was_missed(run: Run) -> None:
    client, url = Client(a_person(Role.OPS)), f"/api/sagas/{run.pk}/stream"
    log(run, 1, StepState.DONE)
    answer = client.get(url).content.decode()
    assert answer.startswith("retry: 2000\n\n")
    assert "event: step" in answer
    assert "event: end" not in answer
    Run.objects.filter(pk=run.pk).update(status=RunStatus.COMPLETED)
    ended = client.get(url).content.decode()
    assert ended.endswith("event: end\ndata: {}\n\n")
    last = ended.rsplit("id: ", 1)[1].split("\n")[0]
    assert client.get(url, headers={"Last-Event-ID": last}).status_code == 204


def test_a_run_that_moves_is_told_of_once_a_transaction(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = []
    monkeypatch.setattr(store, "tell", lambda channel, key: told.append((channel, key)))
    run = a_run_that_waits_for_the_card(a_customer())
    with transaction.atomic():
        store.save(store.lock_run(run.pk))
    assert told == [("run", run.pk)]


@pytest.mark.story
def test_a_run_is_followed_from_its_first_step_to_its_end(
    server: Server,
    follow: Callable[..., Following],
    no_worker: None,
    new_worker: Callable[..., Worker],
) -> None:
    placed = Placed(make_customer(), make_restaurant())
    path = f"/api/sagas/{placed.run_id}/stream"
    following = follow(server, path, placed.order.customer, within=30)
    assert following.until("run")[-1].data["status"] == "RUNNING"
    new_worker()
    told = following.rest()
    assert (told[-1].event, told[-2].data["status"]) == ("end", "COMPLETED")
    done = [e.data["name"] for e in told if e.event == "step" and e.data["state"] == "DONE"]
    assert done[:2] == ["payments.authorize", "escrow.hold"]
    assert follow(server, path, a_customer()).problem()["code"] == "not_found"
    assert follow(server, f"/api/sagas/{new_id()}/stream", a_customer()).status == 404
