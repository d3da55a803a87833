"""`manage.py doctor`: says what is wrong, what to do, and exits with 1 when it is serious."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models.functions import Now

from campusg.ids import new_id
from payments import gateway
from payments.models import Operation, OperationState
from payments.stripe_events import EventState, StripeEvent
from sagas import operating
from sagas.doctor import hearing, outside
from sagas.doctor.lines import Grade, Line
from sagas.models import PausedSaga, Run, RunStatus, Worker
from tests.conftest import Worker as WorkerProcess
from tests.conftest import eventually
from tests.sagas.orders_at_rest import a_created_order

YESTERDAY = Now() - timedelta(days=1)


def examined(*arguments: str) -> dict[str, dict[str, str]]:
    """What the doctor says, by what it is about."""
    out = StringIO()
    with suppress(SystemExit):
        call_command("doctor", "--json", *arguments, stdout=out)
    return {line["about"]: line for line in json.loads(out.getvalue())}


def grade(about: str) -> str:
    return examined()[about]["grade"]


def said(lines: Iterable[Line]) -> list[tuple[Grade, str]]:
    return [(line.grade, line.seen) for line in lines]


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
    one.stop(within=60)
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
    settings: Any, key: str, base: str, debug: bool, seen: str
) -> None:
    settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE, settings.DEBUG = key, base, debug
    assert [line.seen for line in outside.stripe()] == [seen]


def test_a_published_secret_key_is_a_failure_in_production(db: None, settings: Any) -> None:
    settings.DEBUG = False
    settings.SECRET_KEY = "local-only-and-protects-nothing-0123456789abcdef0123456789"
    assert examined()["secrets"]["grade"] == "FAIL"
    settings.SECRET_KEY = "k" * 50
    assert examined()["secrets"]["grade"] == "WARN"
    settings.HANDOVER_PIN_KEY = "p" * 32
    assert examined()["secrets"]["grade"] == "OK"


def test_stripe_has_to_know_this_site_and_to_speak_to_it_in_our_version(
    committed_db: None, settings: Any
) -> None:
    settings.SITE_URL, settings.STRIPE_WEBHOOK_SECRETS = "http://127.0.0.1:9", []
    settings.STRIPE_CONNECT_WEBHOOK_SECRETS = ["whsec_1"]
    unknown = (Grade.WARN, "Stripe does not know this site: it is told minutes late")
    assert said(hearing.endpoints()) == [unknown, unknown]
    call_command("webhooks", "register", settings.SITE_URL, stdout=StringIO(), stderr=StringIO())
    registered = gateway.client().v1.webhook_endpoints
    well = (Grade.OK, f"told in {gateway.API_VERSION}")
    try:
        assert said(hearing.endpoints()) == [
            (Grade.FAIL, "no secret: every event is refused"), well,
        ]  # fmt: skip
        settings.STRIPE_WEBHOOK_SECRETS = ["whsec_2"]
        assert said(hearing.endpoints()) == [well, well]
        url = f"{settings.SITE_URL}/api/stripe/webhook"
        old = {"url": url, "enabled_events": ["*"], "api_version": "2020-08-27"}
        registered.create(old)  # type: ignore[arg-type]
        (grade, seen), _ = said(hearing.endpoints())
        assert (grade, seen) == (
            Grade.FAIL, f"told in 2020-08-27, this code speaks {gateway.API_VERSION}",
        )  # fmt: skip
        for one in registered.list().data:
            if one.url == url and one.api_version == gateway.API_VERSION:
                registered.update(one.id, {"enabled_events": ["refund.failed"]})
            elif one.url == url:
                registered.update(one.id, {"disabled": True})
        (grade, seen), _ = said(hearing.endpoints())
        assert grade == Grade.WARN
        assert seen.startswith("not told of balance.available, charge.")
    finally:
        for one in registered.list().data:
            if one.url.startswith(settings.SITE_URL):
                registered.delete(one.id)


def test_webhooks_that_stopped_coming_or_could_not_be_followed_are_told(db: None) -> None:
    StripeEvent.objects.all().delete()
    event = StripeEvent.objects.create(
        id=f"evt_{new_id().hex}", type="refund.failed", object_type="refund",
        created_at=Now(), received_at=Now() - timedelta(minutes=30.5), state=EventState.DEAD,
    )  # fmt: skip
    Operation.objects.filter(state=OperationState.SUCCEEDED).update(sent_at=YESTERDAY)
    quiet, dead = hearing.webhooks()
    assert (quiet.grade, quiet.seen) == (Grade.OK, "last one 30 min ago")
    assert (dead.grade, dead.seen) == (Grade.WARN, "1 given up after ten tries")
    assert "webhooks retry" in dead.remedy
    a_created_order()
    quiet, _ = hearing.webhooks()
    assert (quiet.grade, quiet.seen) == (
        Grade.WARN, "last one 30 min ago, and calls were made since",
    )  # fmt: skip
    StripeEvent.objects.filter(pk=event.pk).update(received_at=Now(), state=EventState.DONE)
    assert said(hearing.webhooks()) == [(Grade.OK, "last one 0 min ago"), (Grade.OK, "none")]
