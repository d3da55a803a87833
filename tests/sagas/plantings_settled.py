"""One way to break each invariant that an order whose money has moved must keep."""

from typing import Any

from django.utils import timezone

from campusg.ids import new_id
from escrow import services as escrow
from orders.models import Order
from sagas.models import RunStatus
from tests.factories import a_person
from tests.sagas.orders_at_rest import (
    a_completed_order,
    a_completing_order,
    a_created_order,
    a_settled_order,
    an_unpaid_order,
)
from tests.sagas.planting import breaks, run, sql
from users.models import Role, Transfers
from users.services import save_payout_account


@breaks("I08 operation asks for its payment", "I17 call that moved money is booked once",
        "I18 clearing is what stands at Stripe")  # fmt: skip
def _more_is_paid_on_than_was_captured() -> None:
    sql(
        "UPDATE payments_operation SET amount = amount + 500"
        " WHERE order_id = %(id)s AND kind = 'transfer_restaurant'",
        id=a_completed_order().id,
    )


@breaks("I10 payment says what happened")
def _a_captured_hold_is_given_back_too() -> None:
    _an_operation_of(a_completed_order(), kind="void", state="succeeded")


@breaks("I10 payment says what happened")
def _a_payment_claims_a_refund_that_nobody_made() -> None:
    sql(
        "UPDATE payments_payment SET refunded_amount = 1 WHERE order_id = %(id)s",
        id=a_completed_order().id,
    )


@breaks("I13 payout follows capture", "I08 operation asks for its payment")
def _a_runner_is_paid_for_an_order_nobody_has_brought() -> None:
    _an_operation_of(a_created_order(), kind="transfer_runner", state="sent")


@breaks("I14 payout goes to the order's own payee")
def _another_runner_is_owed_the_delivery() -> None:
    sql(
        "UPDATE escrow_account SET owner = %(other)s"
        " WHERE order_id = %(id)s AND code = 'runner_payable'",
        id=a_completed_order().id, other=new_id(),
    )  # fmt: skip


@breaks("I14 payout goes to the order's own payee")
def _a_transfer_to_somebody_else_s_account() -> None:
    order = a_completed_order()
    assert order.runner_id is not None
    save_payout_account(
        user_id=a_person(Role.RUNNER).id,
        stripe_account_id=f"acct_{order.runner_id.hex}",
        transfers=Transfers.ACTIVE,
    )


@breaks("I16 captured is passed on")
def _captured_money_that_nobody_is_owed() -> None:
    sql(
        "UPDATE escrow_journal SET kind = 'cancel' WHERE order_id = %(id)s AND kind = 'release'",
        id=a_completed_order().id,
    )


@breaks("I17 call that moved money is booked once")
def _a_late_charge_that_no_book_knows() -> None:
    sql(
        "UPDATE escrow_journal SET operation_id = NULL WHERE order_id = %(id)s"
        " AND kind = 'settle_claim'",
        id=a_settled_order("card").id,
    )


@breaks("I13 payout follows capture", "I08 operation asks for its payment")
def _a_payee_is_paid_though_nobody_has_settled_the_claim() -> None:
    _an_operation_of(an_unpaid_order(), kind="transfer_runner", state="succeeded")


@breaks("I40 unpaid order has its claim")
def _a_claim_is_settled_in_the_books_alone() -> None:
    escrow.settle_claim(order_id=an_unpaid_order().id, collected=0, stripe_fee=0, operation_id=None)


@breaks("I17 call that moved money is booked once")
def _a_transfer_that_no_book_knows() -> None:
    sql(
        "UPDATE escrow_journal SET operation_id = NULL WHERE order_id = %(id)s"
        " AND key LIKE '%%restaurant_payable'",
        id=a_completed_order().id,
    )


@breaks("I18 clearing is what stands at Stripe")
def _stripe_kept_a_cent_more_than_the_books_say() -> None:
    sql(
        "UPDATE payments_payment SET stripe_fee = stripe_fee + 1 WHERE order_id = %(id)s",
        id=a_completed_order().id,
    )


@breaks("I19 refund in flight is seen to", "I05 finished order left nothing")
def _a_refund_is_promised_and_forgotten() -> None:
    escrow.refund(
        order_id=a_completed_order().id, amount=5, operation_id=new_id(),
        food=0, delivery=0, platform=5,
    )  # fmt: skip


@breaks("I33 hold is what the books say")
def _a_hold_that_says_its_money_still_waits() -> None:
    sql(
        "UPDATE escrow_hold SET status = 'CAPTURED', released_at = NULL WHERE order_id = %(id)s",
        id=a_completed_order().id,
    )


@breaks("I39 what is owed is being paid")
def _nobody_pays_the_restaurant() -> None:
    a_completed_order(paid=False)


@breaks("I40 unpaid order has its claim", "I16 captured is passed on")
def _what_the_customer_owes_is_put_on_the_runner() -> None:
    order = an_unpaid_order()
    sql(
        "UPDATE escrow_account SET code = 'payee_receivable', owner = %(runner)s"
        " WHERE order_id = %(id)s AND code = 'customer_claim'",
        id=order.id, runner=order.runner_id,
    )  # fmt: skip


@breaks("I41 debts are set off within one payee", "I17 call that moved money is booked once")
def _a_payout_is_booked_as_kept_back() -> None:
    sql(
        "UPDATE escrow_journal SET kind = 'set_off' WHERE order_id = %(id)s"
        " AND key LIKE '%%runner_payable'",
        id=a_completed_order().id,
    )


@breaks("E04 run and order agree")
def _a_completed_completion_of_an_order_not_even_accepted() -> None:
    run(
        RunStatus.COMPLETED, 8, key=a_created_order().id, saga="complete_order",
        ended_at=timezone.now(),
    )  # fmt: skip


@breaks("E06 lock has its owner")
def _an_order_is_locked_for_its_completion_by_nobody() -> None:
    a_completing_order()


def _an_operation_of(order: Order, **fields: Any) -> None:
    """One more operation of the order's payment, over one minor unit of a transfer or the whole."""
    sql(
        "INSERT INTO payments_operation (id, payment_id, order_id, kind, n, key, params, amount,"
        " currency, state, stripe_id, tries, read_only, watched, code, message, request_id,"
        " next_try_at, resolved_at)"
        " SELECT %(op)s, id, order_id, %(kind)s, 9, %(op)s, '{}',"
        " CASE %(kind)s WHEN 'void' THEN amount ELSE 1 END, currency, %(state)s, %(op)s, 1, false,"
        " false, '', '', '',"
        " CASE %(state)s WHEN 'sent' THEN now() END, CASE %(state)s WHEN 'sent' THEN NULL"
        " ELSE now() END FROM payments_payment WHERE order_id = %(order)s",
        op=new_id(), order=order.id, **fields,
    )  # fmt: skip
