"""The topics are as declared, or an operator is told what to do."""

import io

import pytest
from django.core.management import CommandError, call_command

from campusg.ids import new_id
from events import kafka, topics

pytestmark = pytest.mark.events


@pytest.fixture
def name(broker, settings):
    settings.EVENTS_TOPIC = f"test.{new_id()}"
    return settings.EVENTS_TOPIC


def ensure() -> list[str]:
    out = io.StringIO()
    call_command("topics", "ensure", stdout=out)
    return out.getvalue().splitlines()


def complaints() -> str:
    """What `check` complains of; it must end with 2."""
    errors = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("topics", "check", stderr=errors)
    assert ended.value.code == 2
    return errors.getvalue()


def test_missing_topics_are_told_of_then_made_and_made_once(name):
    assert f"{name} is missing: run `manage.py topics ensure`." in complaints()
    made, *dead_letters, verdict = ensure()
    assert (made, verdict) == (f"made {name} with 6 partitions", "topics: OK")
    assert dead_letters == [
        f"made {topics.dlq_name(name, group)} with 1 partitions" for group in topics.GROUPS
    ]
    assert ensure() == ["topics: OK"]


def test_a_topic_with_another_number_of_partitions_is_refused_with_a_sentence(name):
    with kafka.admin() as admin:
        admin.create_topics({name: {"num_partitions": 3, "replication_factor": 1}})
    said = complaints()
    assert f"{name} has 3 partitions and should have 6: an order's events could overtake" in said


def test_another_retention_is_told_of_and_set(name, settings):
    ensure()
    settings.EVENTS_RETENTION_HOURS = 1
    assert f"retention.ms of {name} is 604800000 and should be 3600000" in complaints()
    assert ensure() == [f"set retention.ms of {name}", "topics: OK"]


def test_without_a_broker_the_command_says_where_it_looked(name, settings, monkeypatch):
    settings.KAFKA_BOOTSTRAP_SERVERS = ["127.0.0.1:1"]
    monkeypatch.setattr(kafka, "BOOTSTRAP_TIMEOUT", 0.5)
    with pytest.raises(CommandError, match=r"No broker answers at 127.0.0.1:1") as error:
        ensure()
    assert error.value.returncode == 2
