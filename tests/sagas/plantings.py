"""One way to break each invariant that an order on its way must keep."""

from datetime import timedelta
from uuid import UUID

from django.db.models.functions import Now
from django.utils import timezone

from campusg.ids import new_id
from orders import services as orders
from orders.models import Order
from payments import services as payments
from payments.models import Payment
from sagas.models import RunStatus
from scheduler import services as scheduler
from tests.factories import an_order
from tests.sagas.orders_at_rest import a_cancelled_order, a_created_order, authorized
from tests.sagas.planting import breaks, journal, run, sql


@breaks("I01 journal balanced")
def _a_leg_slips_into_another_journal() -> None:
    one, other = a_created_order(), a_created_order()
    sql(
        "UPDATE escrow_entry e SET journal_id = j.id FROM escrow_journal j, escrow_account a"
        " WHERE a.id = e.account_id AND a.code = 'customer_hold'"
        " AND a.order_id = %(one)s AND j.order_id = %(other)s",
        one=one.id, other=other.id,
    )  # fmt: skip


@breaks("I02 world sums to zero", "I01 journal balanced")
def _money_from_nowhere() -> None:
    journal(("restaurant_payable", None, "C", 1))


@breaks("I03 no overdraft")
def _one_restaurant_is_paid_with_another_s_money() -> None:
    journal(("restaurant_payable", None, "D", 5), ("restaurant_payable", None, "C", 5))


@breaks("I04 no empty journal")
def _a_journal_of_nothing() -> None:
    journal()


@breaks("I05 finished order left nothing")
def _a_cancelled_order_keeps_a_customer_s_money() -> None:
    order = a_cancelled_order()
    journal(("customer_hold", order.id, "D", 5), ("restaurant_payable", None, "C", 5))


@breaks("I06 open order is covered")
def _an_order_opens_that_nobody_pays() -> None:
    order = an_order()
    orders.mark_created(order_id=order.id)
    scheduler.start_order_timeout(order_id=order.id)


@breaks("I07 shares add up")
def _a_total_of_more_than_its_shares() -> None:
    sql("UPDATE orders_order SET total = total + 1 WHERE id = %(id)s", id=an_order().id)


@breaks("I07 shares add up")
def _food_dearer_than_its_lines() -> None:
    sql(
        "UPDATE orders_order SET food_fee = food_fee + 1, platform_fee = platform_fee - 1"
        " WHERE id = %(id)s",
        id=an_order().id,
    )


@breaks("I08 operation asks for its payment")
def _stripe_is_asked_for_a_cent_more() -> None:
    order = a_created_order()
    sql("UPDATE payments_operation SET amount = amount + 1 WHERE order_id = %(id)s", id=order.id)


@breaks("I09 one live operation")
def _a_card_is_asked_twice() -> None:
    sql(
        "INSERT INTO payments_operation (id, payment_id, order_id, kind, n, key, params, amount,"
        " currency, state, tries, read_only, watched, code, message, request_id, next_try_at)"
        " SELECT %(id)s, payment_id, order_id, kind, 2, key || '!', params, amount, currency,"
        " 'sent', 1, false, false, '', '', '', now() FROM payments_operation"
        " WHERE order_id = %(order)s",
        id=new_id(), order=a_created_order().id,
    )  # fmt: skip


@breaks("I10 payment says what happened")
def _a_payment_names_another_s_intent() -> None:
    order = a_created_order()
    sql("UPDATE payments_payment SET payment_intent = 'pi_x' WHERE order_id = %(id)s", id=order.id)


@breaks("I11 no forgotten unknown")
def _nobody_will_look_into_it() -> None:
    sql("UPDATE payments_operation SET next_try_at = NULL WHERE order_id = %(id)s", id=_sent())


@breaks("I11 no forgotten unknown")
def _nobody_was_called_for_three_days() -> None:
    sql(
        "UPDATE payments_operation SET sent_at = now() - interval '3 days' WHERE order_id = %(id)s",
        id=_sent(),
    )


@breaks("I12 held money is booked once")
def _money_on_the_card_that_no_book_knows() -> None:
    order = a_created_order()
    sql("UPDATE escrow_journal SET operation_id = NULL WHERE order_id = %(id)s", id=order.id)


@breaks("I15 runner where needed")
def _a_runner_before_anyone_accepted() -> None:
    sql(
        "UPDATE orders_order SET runner_id = %(runner)s WHERE id = %(id)s",
        id=a_created_order().id, runner=new_id(),
    )  # fmt: skip


@breaks("I20 no hold near its end")
def _a_hold_about_to_lapse() -> None:
    sql(
        "UPDATE payments_payment SET capture_before = now() + interval '1 hour'"
        " WHERE order_id = %(id)s",
        id=a_created_order().id,
    )


@breaks("I21 history walks allowed edges")
def _an_order_that_was_born_created() -> None:
    sql(
        """UPDATE events_outboxevent SET payload = payload || '{"status": "CREATED"}'"""
        " WHERE aggregateid = %(id)s AND aggversion = 1",
        id=a_created_order().id,
    )


@breaks("I22 versions without a gap")
def _a_number_was_given_to_no_event() -> None:
    order = a_created_order()
    sql("UPDATE events_stream SET version = version + 1 WHERE aggregateid = %(id)s", id=order.id)


@breaks("I23 order stands where its events say")
def _a_change_that_was_never_told() -> None:
    order = a_created_order()
    sql("UPDATE orders_order SET version = version + 1 WHERE id = %(id)s", id=order.id)


@breaks("I23 order stands where its events say")
def _a_later_time_than_that_of_the_status() -> None:
    sql("UPDATE orders_order SET placed_at = now() + '1 hour' WHERE id = %(id)s", id=an_order().id)


@breaks("I28 one currency per order")
def _a_hold_in_another_currency() -> None:
    order = a_created_order()
    sql("UPDATE escrow_hold SET currency = 'EUR' WHERE order_id = %(id)s", id=order.id)


@breaks("I30 no card number at rest")
def _a_card_number_in_an_event() -> None:
    sql(
        """UPDATE events_outboxevent SET payload = payload || '{"note": "4242 4242 4242 4242"}'"""
        " WHERE aggregateid = %(id)s AND aggversion = 2",
        id=a_created_order().id,
    )


@breaks("I31 nothing open past its deadline")
def _an_order_nobody_brings_its_money() -> None:
    sql(
        "UPDATE orders_order SET pending_at = now() - interval '21 minutes' WHERE id = %(id)s",
        id=an_order().id,
    )


@breaks("I32 reversal mirrors its original")
def _a_reversal_of_less() -> None:
    original = journal(("customer_hold", None, "D", 5), ("restaurant_payable", None, "C", 5))
    journal(
        ("customer_hold", None, "D", 3), ("restaurant_payable", None, "C", 3), reverses=original
    )


@breaks("I33 hold is what the books say")
def _a_hold_that_gives_the_runner_less() -> None:
    sql(
        "UPDATE escrow_hold SET food_fee = food_fee + 1, delivery_fee = delivery_fee - 1"
        " WHERE order_id = %(id)s",
        id=a_created_order().id,
    )


@breaks("I34 cancelled order holds nobody's money", "I12 held money is booked once")
def _a_cancelled_order_keeps_its_authorization() -> None:
    order = an_order()
    authorized(order)
    orders.cancel(order_id=order.id, reason="planted")


@breaks("I35 standing hold has its authorization")
def _a_hold_on_no_operation() -> None:
    sql(
        "UPDATE escrow_hold SET payment_operation_id = %(other)s WHERE order_id = %(id)s",
        id=a_created_order().id, other=new_id(),
    )  # fmt: skip


@breaks("I36 release is seen to")
def _a_release_that_nobody_drives() -> None:
    order = an_order()
    authorized(order)
    Payment.objects.filter(order_id=order.id).update(status="RELEASING")


@breaks("I37 created order has its timeout")
def _an_order_that_waits_for_ever() -> None:
    order = a_created_order()
    scheduler.cancel_order_timeout(order_id=order.id)
    earlier = Now() - timedelta(minutes=6)
    Order.objects.filter(pk=order.id).update(pending_at=earlier, created_at=earlier)


@breaks("I38 nothing without its order")
def _a_payment_for_nothing() -> None:
    Payment.objects.create(order_id=new_id(), customer_id=new_id(), amount=1, currency="USD")


@breaks("E01 ended run is at rest")
def _a_completed_run_without_its_end() -> None:
    run(RunStatus.COMPLETED, 7, key=a_created_order().id)


@breaks("E02 no run is stuck")
def _a_run_that_the_sweep_forgot() -> None:
    run(RunStatus.RUNNING, 3)


@breaks("E03 run stands inside its saga")
def _a_run_at_a_step_that_there_is_not() -> None:
    run(RunStatus.RUNNING, 99, wake_at=timezone.now())


@breaks("E04 run and order agree")
def _a_completed_run_of_an_order_still_pending() -> None:
    run(RunStatus.COMPLETED, 7, key=an_order().id, ended_at=timezone.now())


@breaks("E05 nothing due is left lying")
def _a_timeout_that_nobody_fires() -> None:
    sql(
        "UPDATE scheduler_scheduledevent SET due_at = now() - interval '2 minutes'"
        " WHERE entity_id = %(id)s",
        id=a_created_order().id,
    )


def _sent() -> UUID:
    """An order whose authorization was sent and not answered."""
    order = an_order()
    payments.prepare_authorization(
        order_id=order.id, customer_id=order.customer_id, amount=order.total, currency="USD",
        stripe_customer="cus_test", payment_method="pm_test",
    )  # fmt: skip
    return order.id
