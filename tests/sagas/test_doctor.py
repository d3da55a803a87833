"""`manage.py doctor`: says what is wrong, what to do, and exits with 1 when it is serious."""

import json
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from campusg.ids import new_id
from sagas import operating
from sagas.models import PausedSaga, Run, RunStatus, Worker
from tests.conftest import Worker as WorkerProcess
from tests.conftest import eventually


def examined(*arguments: str) -> dict[str, dict[str, str]]:
    """What the doctor says, by what it is about."""
    out = StringIO()
    with suppress(SystemExit):
        call_command("doctor", "--json", *arguments, stdout=out)
    return {line["about"]: line for line in json.loads(out.getvalue())}


def grade(about: str) -> str:
    return examined()[about]["grade"]


def a_run(**given: Any) -> Run:
    values = {"saga": "cancel_order", "key": str(new_id()), "given_digest": "", "fingerprint": "?"}
    return Run.objects.create(**values | given)


def test_a_site_with_a_worker_gets_its_queues_served(worker: WorkerProcess) -> None:
    eventually(lambda: grade("queue local") == "OK")
    lines = examined()
    for about in ("database", "migrations", "clock", "queue remote", "pulse", "messages"):
        assert lines[about]["grade"] == "OK", lines[about]


def test_a_queue_that_nobody_serves_is_a_failure_with_its_remedy(no_worker: None) -> None:
    Worker.objects.all().delete()
    line = examined()["queue remote"]
    assert (line["grade"], line["remedy"]) == ("FAIL", "celery -A campusg worker")
    with pytest.raises(SystemExit) as stop:
        call_command("doctor", stdout=StringIO())
    assert stop.value.code == 1


def test_a_worker_that_ends_well_takes_its_word_away(new_worker: Any) -> None:
    Worker.objects.all().delete()
    one = new_worker()
    eventually(Worker.objects.exists)
    one.stop()
    assert not Worker.objects.exists()


def test_the_word_of_a_killed_worker_counts_for_a_few_seconds(db: None) -> None:
    Worker.objects.create(name="dead", queues=["local", "remote"])
    assert grade("queue local") == "OK"
    Worker.objects.update(seen_at=Now() - timedelta(seconds=20))
    assert grade("queue local") == "FAIL"


def test_what_a_pulse_could_not_do_is_said(db: None) -> None:
    Worker.objects.create(name="sick", queues=["local"], failing=["payments.janitor.hurry_due"])
    line = examined()["pulse"]
    assert line["grade"] == "FAIL"
    assert "payments.janitor.hurry_due" in line["seen"]


def test_money_at_risk_in_parked_runs_is_told_by_currency(db: None) -> None:
    Run.objects.all().delete()
    for amount in (1099, 901):
        a_run(status=RunStatus.PARKED, amount_at_risk=amount, currency="USD")
    line = examined()["parked"]
    assert (line["grade"], line["seen"]) == ("WARN", "2 runs, 20.00 USD at risk")


def test_runs_of_a_table_that_this_code_does_not_have_are_a_failure(db: None) -> None:
    a_run(fingerprint="of a past one")
    assert "cancel_order" in examined()["tables"]["seen"]


def test_a_paused_saga_is_not_forgotten(db: None) -> None:
    operating.pause_saga("pay_out", reason="the bank is closed", actor="ines")
    assert "all of pay_out" in examined()["paused"]["seen"]
    PausedSaga.objects.all().delete()


def test_a_broker_that_does_not_answer_hides_nothing_else(db: None, settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    lines = examined()
    assert lines["broker"]["grade"] == "FAIL"
    assert "ConnectionError" in lines["broker"]["seen"]
    assert lines["database"]["grade"] == "OK"


@pytest.mark.parametrize(
    ("key", "base", "debug", "seen"),
    [
        ("sk_live_x", "https://api.stripe.com", False, "live"),
        ("sk_test_x", "https://api.stripe.com", True, "test mode"),
        ("sk_live_x", "https://api.stripe.com", True, "a live key with DEBUG on"),
        ("sk_live_x", "http://127.0.0.1:1", False, "a live key for http://127.0.0.1:1"),
        ("", "https://api.stripe.com", False, "no key"),
    ],
)
def test_which_stripe_money_moves_at(
    db: None, settings: Any, key: str, base: str, debug: bool, seen: str
) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, settings.DEBUG = key, base, debug
    assert examined()["stripe"]["seen"] == seen


def test_a_published_secret_key_is_a_failure_in_production(db: None, settings: Any) -> None:
    settings.DEBUG = False
    settings.SECRET_KEY = "local-only-and-protects-nothing-0123456789abcdef0123456789"
    assert examined()["secrets"]["grade"] == "FAIL"
    settings.SECRET_KEY = "k" * 50
    assert examined()["secrets"]["grade"] == "WARN"
    settings.HANDOVER_PIN_KEY = "p" * 32
    assert examined()["secrets"]["grade"] == "OK"
