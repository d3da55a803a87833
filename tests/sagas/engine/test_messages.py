"""Messages of a run: which may act, and what a chain carries."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from celery import current_app
from django.db import transaction
from django.db.models.functions import Now
from kombu.exceptions import OperationalError as BrokerGone

from campusg.points import Point, listen
from sagas.engine import local, publishing, store, sweeping
from sagas.engine.admission import (
    STOP,
    Message,
    Outcome,
    Then,
    Verdict,
    admit,
    answer,
)
from sagas.engine.publishing import publish, queue_length, trim
from sagas.engine.starting import start
from sagas.models import Pause, Run, RunStatus
from tests.conftest import forget_messages
from tests.sagas.engine import toys
from tests.sagas.engine.conftest import Toy, change, names_in

pytestmark = pytest.mark.usefixtures("no_worker")
NewToy = Callable[..., Toy]
S = RunStatus


@pytest.fixture
def sent() -> Iterator[Callable[[], list[tuple[str, str]]]]:
    """Which points were reached of which run, with an empty broker to begin with."""
    seen: list[tuple[str, UUID]] = []
    listen(lambda point, run_id: seen.append((point, run_id)))
    yield lambda: [(point, str(run_id)) for point, run_id in seen]
    listen(None)


def admitted(toy: Toy, position: int = 1, epoch: int = 1) -> Verdict:
    run = store.lock_run(toy.id)
    return admit(run, Message(toy.id, position, epoch))


# Admission.


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "position", "epoch", "verdict"),
    [
        ({}, 1, 1, Verdict.RUN),
        ({}, 2, 1, Verdict.STALE),
        ({}, 1, 2, Verdict.STALE),
        ({"epoch": 2}, 1, 1, Verdict.STALE),
        ({"position": 2}, 1, 1, Verdict.ALREADY),
        ({"position": 3}, 1, 1, Verdict.STALE),
        ({"status": S.COMPENSATING, "position": 2}, 3, 1, Verdict.ALREADY),
        ({"status": S.COMPENSATING, "position": 3}, 2, 1, Verdict.STALE),
        ({"status": S.COMPENSATING, "position": 3}, 3, 1, Verdict.RUN),
        ({"status": S.WAITING}, 1, 1, Verdict.RUN),
        ({"status": S.PARKED, "wake_at": None}, 1, 1, Verdict.STALE),
        ({"status": S.COMPLETED, "wake_at": None, "ended_at": Now()}, 1, 1, Verdict.STALE),
        ({"paused": Pause.RUN}, 1, 1, Verdict.STALE),
        ({"not_before": Now() + timedelta(hours=1)}, 1, 1, Verdict.STALE),
        ({"not_before": Now() - timedelta(hours=1)}, 1, 1, Verdict.RUN),
        ({"lease_until": Now() + timedelta(hours=1)}, 1, 1, Verdict.STALE),
        ({"lease_until": Now() - timedelta(hours=1)}, 1, 1, Verdict.RUN),
    ],
)
def test_a_message_acts_only_where_its_run_stands(
    toy: NewToy, fields: dict[str, Any], position: int, epoch: int, verdict: Verdict
) -> None:
    one = toy(toys.local_saga)
    change(one, **fields)
    assert admitted(one, position, epoch) is verdict


@pytest.mark.django_db
def test_a_step_alone_in_its_transaction_is_asked_as_well(toy: NewToy) -> None:
    one = toy(toys.local_saga)
    assert local._single(Message(one.id, 2, 1)) == STOP, "the run stands at 1"
    assert one.effects() == []


def test_a_waiting_run_whose_message_acts_waits_no_longer(toy: NewToy) -> None:
    one = toy(toys.local_saga)
    change(one, status=S.WAITING)
    run = store.lock_run(one.id)
    assert run is not None
    assert admit(run, Message(one.id, 1, 1)) is Verdict.RUN
    assert run.status == S.RUNNING
    assert admit(None, Message(uuid4(), 1, 1)) is Verdict.STALE


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "said"),
    [({"fingerprint": "older"}, "under older, this code has"), ({"saga": "gone"}, "no such saga")],
)
def test_a_run_of_another_table_is_left_for_half_a_minute(
    toy: NewToy, fields: dict[str, str], said: str
) -> None:
    one = toy(toys.local_saga)
    before = change(one, **fields)
    assert admitted(one) is Verdict.STALE
    run = one.run
    assert said in run.reason
    if "fingerprint" in fields:
        assert toys.local_saga.fingerprint in run.reason
    assert run.wake_at == run.not_before != before.wake_at
    left = Run.objects.filter(
        pk=one.id, wake_at__gt=Now() + timedelta(seconds=25),
        wake_at__lt=Now() + timedelta(seconds=31),
    )  # fmt: skip
    assert left.exists()
    assert one.effects() == []


def test_a_message_that_may_not_act_publishes_what_follows_or_nothing(toy: NewToy) -> None:
    run = change(toy(toys.local_saga), position=3)
    assert answer(Verdict.ALREADY, run) == Outcome(Then.GO_ON, 3, "")
    assert answer(Verdict.STALE, run) == answer(Verdict.ALREADY, None) == STOP
    assert Outcome(Then.STOP, 0, "") == STOP


# Chains.


def test_what_is_published_is_the_rest_of_the_run_in_one_chain(toy: NewToy, sent: Any) -> None:
    one = toy(toys.remote_saga)
    forget_messages()
    assert publish(change(one, position=2))
    assert [point for point, _ in sent()][-2:] == [Point.PUBLISHING, Point.PUBLISHED]
    assert sent()[-1][1] == str(one.id)
    task, headers, properties = only_message("remote")
    assert task == "toys.remote"
    assert headers["argsrepr"] == repr((str(one.id), 2, 1))
    assert properties["priority"] == publishing.FOREGROUND
    embed = properties["embed"]
    assert [link["args"][1] for link in reversed(embed["chain"])] == [3, 4]
    assert [link["task"] for link in reversed(embed["chain"])] == ["toys.b", "toys.c"]
    assert {link["options"]["queue"] for link in embed["chain"]} == {"local"}
    (errback,) = embed["errbacks"]
    assert (errback["task"], errback["args"]) == ("sagas.on_fail", [str(one.id)])
    assert errback["options"]["priority"] == publishing.FOREGROUND


def test_a_run_is_published_as_soon_as_its_start_is_committed(toy_tables: None, sent: Any) -> None:
    token = uuid4().hex
    with transaction.atomic():
        run = start(toys.remote_saga, token, token=token, script={})
        assert Point.PUBLISHING not in [point for point, _ in sent()]
    assert sent()[-1] == (Point.PUBLISHED, str(run.pk))
    Run.objects.filter(pk=run.pk).update(status=S.PARKED, wake_at=None)


@pytest.mark.django_db
def test_a_run_that_is_asked_for_again_is_the_one_that_lives(toy_tables: None) -> None:
    token = uuid4().hex
    wanted = {"token": token, "script": {}}
    first, again = (start(toys.wait_saga, token, **wanted) for _ in range(2))
    assert first.pk == again.pk
    assert names_in("toy_effect", token) == ["a"]


def test_what_nobody_waits_for_is_published_behind_all_others(toy: NewToy) -> None:
    one = toy(toys.local_saga)
    forget_messages()
    publish(change(one, background=True))
    assert (queue_length(), queue_length(background=True)) == (0, 1)
    publish(change(one, background=False))
    assert (queue_length(), queue_length(background=True)) == (1, 1)
    publish(change(toy(toys.remote_saga), position=2))
    assert queue_length() == 3


def only_message(queue: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    with current_app.connection_or_acquire() as broker:
        got = broker.default_channel.basic_get(queue, no_ack=True)
        assert got is not None
        assert broker.default_channel.basic_get(queue, no_ack=True) is None
    args, kwargs, embed = got.decode()
    assert kwargs == {}
    return got.headers["task"], got.headers, got.properties | {"embed": embed, "args": args}


@pytest.mark.parametrize(
    "fields", [{"saga": "gone"}, {"wake_at": None, "status": S.PARKED}, {"paused": Pause.RUN}]
)
def test_a_run_that_stands_still_has_nothing_to_publish(
    toy: NewToy, fields: dict[str, Any]
) -> None:
    one = toy(toys.local_saga)
    forget_messages()
    assert publish(change(one, **fields))
    assert queue_length() == 0


def test_without_a_broker_nothing_is_published_and_the_run_stays_due(
    toy: NewToy, monkeypatch: pytest.MonkeyPatch
) -> None:
    insisted: list[bool] = []

    def gone(*_: Any, retry: bool = False, **__: Any) -> None:
        insisted.append(retry)
        raise BrokerGone("connection refused")

    one = toy(toys.local_saga)
    monkeypatch.setattr(publishing, "chain", lambda *_: SimpleNamespace(apply_async=gone))
    assert not publish(one.run)
    assert not publish(one.run, retry=False)
    assert insisted == [True, False]
    monkeypatch.setattr(publishing, "queue_length", gone)
    assert sweeping.sweep() == 0


@pytest.mark.parametrize(("position", "left"), [(3, [4, 3]), (2, [4, 3, 2]), (5, []), (0, [])])
def test_the_elements_that_are_done_are_taken_off_the_chain(position: int, left: list[int]) -> None:
    chain = [{"args": ["run", at, 1]} for at in (4, 3, 2)]
    task: Any = SimpleNamespace(request=SimpleNamespace(chain=chain))
    trim(task, position)
    assert [one["args"][1] for one in chain] == left
    trim(SimpleNamespace(request=SimpleNamespace(chain=None)), position)  # type: ignore[arg-type]
