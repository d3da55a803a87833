"""The mirror of Stripe's balance transactions: what is read of it, when, and what it adds up to."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from campusg.ids import new_id
from payments import mirroring
from payments.breaks import BalanceTransaction
from payments.gateway import Movement
from payments.mirroring import keep, mirror, unexplained

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_movement(name: str, at: datetime = NOON, net: int = 100, currency: str = "USD") -> Movement:
    return Movement(name, "charge", f"pi_{name}", new_id(), new_id(), net, currency, at)


class Account:
    """What Stripe lists, and what was asked of it."""

    def __init__(self) -> None:
        self.listed: list[Movement] = []
        self.asked: list[tuple[datetime | None, datetime | None]] = []
        self.funds: dict[str, int] = {}

    def movements(
        self, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Movement]:
        self.asked.append((since, until))
        # Asked in whole seconds, as the gateway does.
        since, until = (one and one.replace(microsecond=0) for one in (since, until))
        for one in reversed(self.listed):
            if (not since or one.created_at >= since) and (not until or one.created_at < until):
                yield one

    def balance(self) -> dict[str, int]:
        return self.funds


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """An account at Stripe; nothing of another is mirrored."""
    BalanceTransaction.objects.all().delete()
    one = Account()
    monkeypatch.setattr(mirroring.gateway, "movements", one.movements)
    monkeypatch.setattr(mirroring.gateway, "balance", one.balance)
    return one


def mirrored() -> list[str]:
    return [*BalanceTransaction.objects.order_by("id").values_list("id", flat=True)]


def untold(count: int) -> None:
    """Nobody listens."""


def test_the_first_look_is_at_all_there_is_to_the_letter(account: Account) -> None:
    account.listed = [a_movement("a"), a_movement("b", NOON - 90 * 24 * HOUR, -7, "EUR")]
    told: list[int] = []
    mirror(NOON, NOON + HOUR, told.append)
    assert (account.asked, told) == ([(None, None)], [2])
    for one in account.listed:
        row = BalanceTransaction.objects.get(pk=one.id)
        for name in (
            "type", "reference", "order_id", "operation_id", "net", "currency", "created_at",
        ):  # fmt: skip
            assert getattr(row, name) == getattr(one, name), name


def test_later_looks_begin_an_hour_before_the_newest_or_where_they_were_asked_to(
    account: Account,
) -> None:
    account.listed = [a_movement("a", NOON)]
    keep(account.listed)
    mirror(NOON + 2 * HOUR, NOON + 3 * HOUR, untold)
    mirror(NOON - 5 * HOUR, NOON + 3 * HOUR, untold)
    assert account.asked == [(NOON - HOUR, None), (NOON - 5 * HOUR, None)]


def test_a_time_long_past_is_read_by_itself_and_then_what_is_new(account: Account) -> None:
    keep([a_movement("a", NOON)])
    told: list[int] = []
    account.listed = [a_movement("old", NOON - 30 * HOUR), a_movement("new", NOON + HOUR)]
    mirror(NOON - 40 * HOUR, NOON - 20 * HOUR, told.append)
    assert account.asked == [(NOON - 40 * HOUR, NOON - 20 * HOUR), (NOON - HOUR, None)]
    assert told == [1, 1]
    assert mirrored() == ["new", "old"], "what Stripe does not list any more is gone"


def test_what_is_listed_takes_the_place_of_what_was_there_in_that_time_only(
    account: Account,
) -> None:
    edge = NOON - 20 * HOUR
    keep([
        a_movement("before", NOON - 41 * HOUR), a_movement("gone", NOON - 30 * HOUR),
        a_movement("first", NOON - 40 * HOUR), a_movement("edge", edge), a_movement("last"),
    ])  # fmt: skip
    account.listed = [
        a_movement("first", NOON - 40 * HOUR, net=5), a_movement("edge", edge), a_movement("last"),
    ]  # fmt: skip
    late = timedelta(milliseconds=700)
    mirror(NOON - 40 * HOUR + late, edge + late, untold)
    assert mirrored() == ["before", "edge", "first", "last"], "Stripe counts whole seconds"
    keep([a_movement("last", net=9)])
    assert BalanceTransaction.objects.get(pk="last").net == 9


def test_it_is_told_how_far_the_reading_has_come(account: Account) -> None:
    account.listed = [a_movement(f"m{n}") for n in range(2001)]
    told: list[int] = []
    mirror(NOON, NOON, told.append)
    assert told == [1000, 2000, 2001]


def test_a_balance_that_its_transactions_explain_leaves_nothing(account: Account) -> None:
    account.listed = [a_movement("a", net=100), a_movement("b", net=-30), a_movement("c", net=5)]
    keep(account.listed)
    account.funds = {"USD": 75}
    assert unexplained() == {}
    assert account.asked == [(NOON, None)]


def test_what_is_not_explained_is_told_by_currency(account: Account) -> None:
    keep([a_movement("a", net=100), a_movement("b", currency="EUR", net=7)])
    account.listed = [a_movement("a", net=100)]
    account.funds = {"USD": 90, "CHF": 3}
    assert unexplained() == {"CHF": 3, "EUR": -7, "USD": -10}


def test_what_moves_meanwhile_is_read_before_it_is_judged(account: Account) -> None:
    keep([a_movement("a", net=100)])
    account.listed = [a_movement("a", net=100), a_movement("b", NOON + HOUR, net=50)]
    account.funds = {"USD": 150}
    assert unexplained() == {}
    assert mirrored() == ["a", "b"]
    assert len(account.asked) == 2


def test_an_account_that_never_rests_is_judged_after_so_many_looks(account: Account) -> None:
    def busy() -> dict[str, int]:
        account.listed.append(a_movement(f"m{len(account.listed)}"))
        return {"USD": 100 * len(account.listed)}

    mirroring.gateway.balance = busy  # type: ignore[attr-defined]
    assert unexplained() == {"USD": 100}
    assert len(account.asked) == mirroring.LOOKS
