"""Operators click twice, at the same moment, or on the wrong order."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from campusg.ids import new_id
from escrow.chart import Code
from payments.gateway import client
from sagas.models import Run, RunStatus
from tests.api.conftest import Client, problem
from tests.factories import a_person
from tests.makers import at_stripe
from tests.sagas.lunch import TOTAL, Lunch
from tests.sagas.money_back import differences
from tests.threads import at_once
from users.models import Role

pytestmark = pytest.mark.story


@pytest.mark.fault(39)
def test_a_refund_clicked_twice_and_by_two_operators_is_one_refund_of_the_right_order(
    lunch: Callable[..., Lunch],
) -> None:
    order, wrong = lunch().bring(), lunch().bring()
    order.complete()
    order.settles()
    ines, otto = Client(a_person(Role.OPS)), Client(a_person(Role.OPS))
    url, click = f"/api/orders/{order.id}/refund", new_id().hex
    problem(ines.act(wrong.id, "refund", {"reason": "it was cold"}), 409, "nothing_to_refund")
    asked = at_once(
        [
            partial(ines.send, "POST", url, {"reason": "it was cold"}, click),
            partial(ines.send, "POST", url, {"reason": "it was cold"}, click),
            partial(otto.send, "POST", url, {"reason": "they rang me as well"}),
        ]
    )
    assert {answer.status_code for answer in asked} <= {202, 409}
    (run,) = Run.objects.filter(saga="refund_order", key=str(order.id))
    assert order.ends(run).status == RunStatus.COMPLETED
    problem(otto.act(order.id, "refund", {"reason": "was it made?"}), 409, "nothing_to_refund")
    (made,) = client().v1.refunds.list({"payment_intent": order.payment.payment_intent}).data
    assert (made.amount, at_stripe(order.id)["refunded"]) == (TOTAL, TOTAL)
    assert order.events().count("escrow.refunded") == 1
    assert order.balance(Code.REFUND_IN_FLIGHT) == 0
    assert differences(order) == []
    assert at_stripe(wrong.id)["refunded"] == 0


@pytest.mark.fault(39)
def test_a_large_refund_is_made_once_somebody_else_has_agreed(
    lunch: Callable[..., Lunch], settings: Any
) -> None:
    settings.MONEY_BY_HAND_LIMITS = {"USD": TOTAL - 1}
    order = lunch().bring()
    order.complete()
    order.settles()
    ines, otto = Client(a_person(Role.OPS)), Client(a_person(Role.OPS))
    why = {"reason": "it was cold"}
    agreement = {"order_id": str(order.id), "move": "refund_order", **why}
    problem(ines.act(order.id, "refund", why), 409, "second_person_needed")
    assert ines.send("POST", "/api/approvals", agreement).status_code == 201
    problem(ines.act(order.id, "refund", why), 409, "second_person_needed")
    assert otto.send("POST", "/api/approvals", agreement).status_code == 201
    assert ines.act(order.id, "refund", why).status_code == 202
    run = Run.objects.get(saga="refund_order", key=str(order.id))
    assert order.ends(run).status == RunStatus.COMPLETED
    assert at_stripe(order.id)["refunded"] == TOTAL
