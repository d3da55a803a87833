"""Dead letters, by hand: looked at, handled again, once; and what the commands say."""

import pytest
from django.core.management import CommandError, call_command

from events import registry
from events.dead_letters import letters
from events.models import InboxEvent
from sagas.doctor import hearing
from sagas.doctor.lines import Grade
from tests.events.feed import nonsense, recorded
from tests.events.readers import consumer_of, effects, leave_a_mark, turned

pytestmark = pytest.mark.events


@pytest.fixture
def mood():
    """Whether the consumer can handle anything."""
    return {"well": False}


@pytest.fixture
def consumer(feed, mood, monkeypatch, settings):
    def handle(event):
        leave_a_mark(event)
        if not mood["well"]:
            raise ValueError("not in the mood")

    one = consumer_of(feed, handle)
    monkeypatch.setattr("tests.events.readers.only", one, raising=False)
    settings.EVENTS_CONSUMERS = ["tests.events.readers.only"]
    assert registry.consumers() == [one]
    return one


@pytest.fixture
def order(feed, consumer, new_runner):
    """Two events of an order and one message of nobody's, all dead."""
    messages = recorded(count=2)
    feed.publish(*messages, nonsense(), partition=0)
    runner = new_runner(consumer)
    turned(runner, lambda: len(letters(consumer)) == 3)
    return messages[0].key.decode()


def said(capsys, *arguments):
    capsys.readouterr()
    call_command(*arguments)
    return capsys.readouterr().out


def test_the_doctor_counts_those_that_are_open(consumer, order):
    (line,) = hearing.dead_letters()
    assert (line.grade, line.seen) == (Grade.WARN, "3 open")
    assert f"manage.py dlq list --consumer {consumer.name}" in line.remedy


def test_redriven_twice_is_once_and_nothing_without_yes(consumer, order, mood, capsys):
    assert said(capsys, "dlq", "list").count("open") == 3
    assert "not in the mood" in said(capsys, "dlq", "show", "0-0")
    mood["well"] = True
    dry = said(capsys, "dlq", "redrive")
    assert "would handle order.created v1" in dry
    assert "Nothing was done" in dry
    assert effects(order) == []
    # The later one first: who sends it by hand wants it handled all the same.
    assert "0-1: handled." in said(capsys, "dlq", "redrive", "0-1", "--yes")
    again = said(capsys, "dlq", "redrive", "--yes")
    assert "0-0: handled.\n0-1: handled before.\n0-2: no event" in again
    said(capsys, "dlq", "redrive", "--yes")
    assert effects(order) == [2, 1]
    assert InboxEvent.objects.filter(order_id=order).count() == 2
    assert [letter.is_open for letter in letters(consumer)] == [False, False, True]
    assert said(capsys, "dlq", "list").count("\n") == 1
    assert said(capsys, "dlq", "list", "--all").count("handled since") == 2


def test_what_fails_again_stays_open(consumer, order, capsys):
    with pytest.raises(CommandError, match="2 failed again and stay open"):
        call_command("dlq", "redrive", "--yes")
    assert "not in the mood" in capsys.readouterr().err
    assert all(letter.is_open for letter in letters(consumer))
    assert effects(order) == []


def test_the_commands_say_how_it_stands(consumer, order, capsys):
    page = said(capsys, "consumers")
    assert f"{consumer.name} reads {consumer.topic}" in page
    assert "0 handled, 0 came too late" in page
    assert "3 open of 3" in page
    with pytest.raises(CommandError, match="has 3 open dead letters"):
        call_command("consumers", "--alarm")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["consumers", "nobody"], "There is no consumer nobody"),
        (["dlq", "list", "--consumer", "nobody"], "There is no consumer nobody"),
        (["dlq", "show", "9-9"], "There is no dead letter 9-9"),
        (["dlq", "redrive", "9-9", "--yes"], "There is no dead letter 9-9"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_with_code_2(consumer, arguments, told):
    with pytest.raises(CommandError, match=told) as refused:
        call_command(*arguments)
    assert refused.value.returncode == 2
