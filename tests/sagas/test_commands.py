"""What an operator does in a terminal: read runs, check a deploy, seed a campus."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.db.models import F, Value
from django.db.models.functions import Concat
from django.test import override_settings
from django.utils import timezone
from stripe import StripeClient

from campusg.ids import new_id
from payments.gateway import customers
from sagas.create_order import create_order
from sagas.models import LIVE, Run, RunStatus, StepState
from tests.conftest import Worker, eventually
from tests.sagas.orders_at_rest import a_cancelled_order, a_created_order, log
from users.models import SavedCard, User
from users.services import payee_of

Out = pytest.CaptureFixture[str]


def said(capsys: Out, *arguments: object) -> str:
    call_command("saga", *map(str, arguments))
    return capsys.readouterr().out


def a_live_run(**other: object) -> Run:
    fields: dict[str, object] = {
        "saga": "create_order", "key": str(new_id()), "status": RunStatus.RUNNING, "position": 3,
        "fingerprint": create_order.fingerprint, "wake_at": timezone.now(),
    }  # fmt: skip
    return Run.objects.create(**fields | other)


def run_of(order_id: UUID) -> Run:
    return Run.objects.get(key=str(order_id))


def test_the_list_says_where_each_run_stands_and_why(db: None, capsys: Out) -> None:
    done, undone, live = a_created_order(), a_cancelled_order(), a_live_run()
    heads, *lines = said(capsys, "list").splitlines()
    assert heads.split() == ["id", "saga", "key", "status", "step", "since", "why"]
    by_key = {line.split()[2]: line for line in lines}
    assert "COMPLETED" in by_key[str(done.id)]
    assert "escrow.hold: no room" in by_key[str(undone.id)]
    assert "3/6 payments.authorize" in by_key[live.key]


def test_the_list_is_filtered_and_limited(db: None, capsys: Out) -> None:
    a_created_order()
    undone, live, other = a_cancelled_order(), a_live_run(), a_live_run(saga="accept_order")

    def keys(*arguments: object) -> set[str]:
        return {line.split()[2] for line in said(capsys, "list", *arguments).splitlines()[1:]}

    assert keys("--status", "compensated") >= {str(undone.id)}
    assert live.key not in keys("--status", "compensated")
    assert keys("--live") >= {live.key, other.key}
    assert str(undone.id) not in keys("--live")
    assert keys("--saga", "accept_order") >= {other.key}
    assert live.key not in keys("--saga", "accept_order")
    assert len(keys("--limit", 2)) == 2


def test_a_run_is_shown_with_each_step_done_and_undone(db: None, capsys: Out) -> None:
    order = a_cancelled_order(error="the campus is full")
    page = said(capsys, "show", run_of(order.id).pk)
    head, timeline, facts = page.split("\n\n")
    assert "why      Everything begun is undone. escrow.hold: the campus is full" in head
    assert "next     None: it has ended." in head
    undone = [line.split()[:3] for line in timeline.splitlines() if " undo " in line]
    assert undone == [
        ["orders.cancel", "undo", "DONE"],
        ["payments.release", "undo", "DONE"],
        ["escrow.cancel", "undo", "DONE"],
    ]
    (refusal,) = [line for line in timeline.splitlines() if "REFUSED" in line]
    assert refusal.endswith("0.040 s  the campus is full")
    assert f'"order_id": "{order.id}"' in facts


def test_a_live_run_shows_the_step_at_hand_and_what_happens_next(db: None, capsys: Out) -> None:
    run = a_live_run(attempt=2, not_before=timezone.now(), reason="Stripe does not answer")
    log(run, 1, StepState.DONE)
    log(run, 3, StepState.UNKNOWN, error="timed out")
    page = said(capsys, "show", run.pk)
    assert "Stripe does not answer" in page
    assert "Run step 3 payments.authorize again (try 3) at " in page
    (at_hand,) = [line for line in page.splitlines() if line.startswith(">")]
    assert at_hand.split()[1:5] == ["3", "payments.authorize", "do", "UNKNOWN"]
    assert ">" not in page[page.index("  4  escrow.hold") :]


def test_a_run_is_found_by_the_beginning_of_its_id_and_by_its_order(db: None, capsys: Out) -> None:
    order = a_created_order()
    run = run_of(order.id)
    later = a_live_run(saga="accept_order", key=f"{order.id}:{new_id()}")
    assert str(run.pk) in said(capsys, "show", str(run.pk)[:34])
    both = said(capsys, "show", order.id)
    assert both.index(str(run.pk)) < both.index(str(later.pk))


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ("00000000-0000-0000-0000-000000000000", "There is no run and no order 0"),
        ("0", "More than one run begins with 0"),
        ("lunch", "lunch is not the beginning of an id"),
    ],
)
def test_an_unclear_id_is_answered_by_one_sentence_and_exit_code_2(
    db: None, wanted: str, sentence: str
) -> None:
    for first in (1, 2):
        a_live_run(id=UUID(int=first))
    with pytest.raises(CommandError, match=sentence) as refused:
        call_command("saga", "show", wanted)
    assert refused.value.returncode == 2


def test_the_check_names_live_runs_that_this_code_cannot_go_on_with(db: None, capsys: Out) -> None:
    Run.objects.all().delete()
    a_live_run()
    a_live_run(status=RunStatus.COMPLETED, fingerprint="older", ended_at=timezone.now())
    assert said(capsys, "check").startswith("OK")
    changed, gone = a_live_run(fingerprint="older"), a_live_run(saga="teleport_order")
    with pytest.raises(SystemExit) as exit_:
        call_command("saga", "check")
    told = capsys.readouterr().out
    assert exit_.value.code == 1
    assert f"{changed.pk}  create_order {changed.key}: began under older, this code has" in told
    assert f"{gone.pk}  teleport_order" in told
    assert "no such saga" in told


@pytest.fixture
def empty_campus(committed_db: None) -> None:
    """Whomever another test has seeded steps aside."""
    aside = Concat(Value(f"{new_id()}-"), F("username"))
    User.objects.filter(email__endswith="@campus.example").exclude(
        username__contains="person-"
    ).update(username=aside, email=Concat(aside, Value("@campus.example")))


@pytest.fixture
def seed(empty_campus: None, capsys: Out, tmp_path: Path) -> Callable[..., tuple[dict, str]]:
    """Seed, as an operator would; what was written as JSON and what was told."""

    def run(*options: str) -> tuple[dict, str]:
        path = tmp_path / "people.json"
        sizes = ("--customers=5", "--declined-share=0.4", "--restaurants=2", "--runners=1")
        call_command("seed_campus", *sizes, f"--json={path}", *options)
        return json.loads(path.read_text()), capsys.readouterr().out

    return run


def test_a_campus_is_seeded_once_however_often_it_is_asked_for(seed: Callable) -> None:
    first, told = seed("--frozen=1")
    secret = first["admin"]["password"]
    assert secret in told
    assert "customers 5 (2 with a card that declines), restaurants 2 (1 frozen), runners 1" in told
    assert [person["card"] for person in first["customers"]].count("declines") == 2
    assert [kitchen["frozen"] for kitchen in first["restaurants"]] == [False, True]
    assert all(dish["price"] > 0 for kitchen in first["restaurants"] for dish in kitchen["menu"])
    for person in (first["admin"], first["ops"], first["service"], *first["customers"]):
        assert authenticate(username=person["username"], password=secret), person
    payees = [first["runners"][0], *(kitchen["owner"] for kitchen in first["restaurants"])]
    accounts = [payee["account"] for payee in payees]
    assert [payee_of(user_id=payee["id"]) for payee in payees] == accounts
    assert User.objects.get(pk=first["admin"]["id"]).is_superuser
    ops = User.objects.get(pk=first["ops"]["id"])
    assert ops.is_staff
    assert not ops.is_superuser
    assert ops.has_perm("sagas.view_run")

    again, told = seed("--frozen=1")
    assert secret not in told
    assert again["admin"] == first["admin"] | {"password": None}
    assert again["restaurants"][1]["id"] == first["restaurants"][1]["id"]
    assert again["runners"][0]["account"] == accounts[0]
    # Nobody got a second card either.
    card = SavedCard.objects.get(user_id=first["customers"][0]["id"])
    seed()
    assert SavedCard.objects.get(user_id=card.user_id).payment_method_id == card.payment_method_id

    renewed, _ = seed("--password=rain-on-glass")
    assert {person["password"] for person in renewed["customers"]} == {"rain-on-glass"}
    assert authenticate(username="admin", password="rain-on-glass")


@pytest.mark.story
def test_seeded_orders_end_as_their_customers_cards_do(seed: Callable, worker: Worker) -> None:
    seeded, _ = seed("--orders=5", "--password=rain-on-glass")
    runs = Run.objects.filter(key__in=seeded["orders"])
    eventually(lambda: not runs.filter(status__in=LIVE).exists())
    ended = [runs.get(key=order).status for order in seeded["orders"]]
    cards = {"good": RunStatus.COMPLETED, "declines": RunStatus.COMPENSATED}
    assert ended == [cards[person["card"]] for person in seeded["customers"]]


@override_settings(CAMPUSG_ENV="production")
def test_production_gets_no_pretend_people(db: None) -> None:
    with pytest.raises(CommandError, match="This is production") as refused:
        call_command("seed_campus")
    assert refused.value.returncode == 2


def test_a_seeding_without_stripe_says_so(
    committed_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    unreachable = StripeClient("sk_test", base_addresses={"api": "http://127.0.0.1:9"})
    monkeypatch.setattr(customers, "client", lambda: unreachable)
    with pytest.raises(CommandError, match="could not be registered") as refused:
        call_command("seed_campus", "--password=rain-on-glass")
    assert refused.value.returncode == 2
