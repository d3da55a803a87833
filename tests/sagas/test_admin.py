"""Operators read a run's story, and find the runs that need them."""

from django.test import Client
from django.utils import timezone

from sagas.create_order import create_order
from sagas.models import Run, RunStatus, StepState
from tests.admin import listed, page_of, read
from tests.sagas.orders_at_rest import a_cancelled_order, a_created_order, log


def test_a_run_s_page_tells_its_story(superuser: Client) -> None:
    order = a_cancelled_order(error="the campus is full")
    page = read(superuser, page_of(Run.objects.get(key=str(order.id))))
    for told in (
        "Everything begun is undone. escrow.hold: the campus is full",
        "None: it has ended.",
        "payments.release",
        "event order.pending_payment",
        "0.040 s",
        '<span class="badge badge-bad">REFUSED</span>',
        '<div class="error">the campus is full</div>',
    ):
        assert told in page
    assert "at-hand" not in page


def test_a_live_run_s_page_marks_the_step_at_hand_and_says_what_is_next(superuser: Client) -> None:
    order = a_created_order()
    run = Run.objects.create(
        saga="create_order", key="live", position=3, fingerprint=create_order.fingerprint,
        facts={"order_id": str(order.id), "currency": "USD"}, attempt=1,
        wake_at=timezone.now(), not_before=timezone.now(), reason="Stripe is silent",
        amount_at_risk=1772, currency="USD",
    )  # fmt: skip
    log(run, 3, StepState.UNKNOWN, error="timed out")
    page = read(superuser, page_of(run))
    (at_hand,) = [row for row in page.split("<tr") if 'class="at-hand" aria-current="step"' in row]
    assert "payments.authorize" in at_hand.split("</tr>")[0]
    assert "Run step 3 payments.authorize again (try 2)" in page
    assert "Stripe is silent" in page
    # What stands on the order's accounts.
    assert "customer_hold" in page
    assert "17.72 USD" in page


def test_what_does_not_progress_is_one_click_away(superuser: Client) -> None:
    a_created_order()
    common = {"saga": "create_order", "fingerprint": "x", "wake_at": timezone.now()}
    Run.objects.create(**common, key="well")
    parked = Run.objects.create(**common, key="parked", status=RunStatus.PARKED, reason="stuck")
    again = Run.objects.create(**common, key="again", not_before=timezone.now())

    def found(attention: str) -> set[str]:
        runs = superuser.get(listed(Run, attention=attention)).context["cl"].result_list
        return {run.key for run in runs}

    assert found("any") >= {parked.key, again.key}
    assert not found("any") & {"well"}
    assert "parked" in found("parked")
    assert "again" not in found("parked")
    assert "again" in found("retrying")
    assert found("live") >= {"well", "parked", "again"}
