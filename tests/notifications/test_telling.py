"""The table and the words: each line has its words, and they say what happened."""

import pytest
from django.template import Engine

from campusg import money
from campusg.money import formatted
from events.catalogue import EVENTS
from notifications.models import TITLE_MAX, Role
from notifications.telling import ENGINE, TOLD, WORDS, told_of, words
from tests.notifications.events import an_event

#: Complains where Django would leave a hole.
STRICT = Engine(
    dirs=ENGINE.dirs, autoescape=False, builtins=["notifications.filters"],
    string_if_invalid="MISSING %s",
)  # fmt: skip
STATUSES = {"order.status_updated": ("PLACED", "ON_THE_WAY", "DELIVERED")}


def test_every_line_has_its_words_and_every_file_its_line() -> None:
    lines = {f"{tell.type}/{tell.role}.txt" for tell in TOLD}
    files = {str(file.relative_to(WORDS)) for file in WORDS.rglob("*.txt")}
    assert lines == files
    assert {tell.type for tell in TOLD} <= EVENTS.keys()


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("type_", "role"), sorted({(tell.type, tell.role) for tell in TOLD}))
def test_the_words_come_out_whole_with_what_the_schema_promises(
    type_: str, role: Role, whole: bool
) -> None:
    for status in STATUSES.get(type_, ("",)):
        event = an_event(type_, whole=whole, **({"status": status} if status else {}))
        title, body = words(event, role, STRICT)
        assert 3 < len(title) <= TITLE_MAX
        assert title[-1] not in ".:"
        assert body.endswith((".", "It rained."))
        assert str(event.order_id)[-8:] in body
        for hole in ("MISSING", "{", "None", "123456", "&#"):
            assert hole not in title + body


def test_an_amount_is_written_with_the_places_of_its_currency(monkeypatch) -> None:
    event = an_event("payment.refunded", amount=1099, currency="SGD")
    assert words(event, Role.CUSTOMER).body.startswith("10.99 SGD of order")
    monkeypatch.setattr(money, "EXPONENTS", {"JPY": 0, "KWD": 3})
    assert (formatted(1099, "JPY"), formatted(-1099, "KWD")) == ("1099 JPY", "-1.099 KWD")


def test_only_the_kitchen_that_has_to_begin_is_told_of_a_status() -> None:
    def roles(status: str) -> list[Role]:
        return [tell.role for tell in told_of(an_event("order.status_updated", status=status))]

    assert roles("PLACED") == [Role.CUSTOMER, Role.RESTAURANT]
    assert roles("ON_THE_WAY") == [Role.CUSTOMER]


def test_a_payout_is_told_to_whom_it_was_paid() -> None:
    event = an_event("payout.paid", payable="runner_payable")
    assert [tell.role for tell in told_of(event)] == [Role.RUNNER]
