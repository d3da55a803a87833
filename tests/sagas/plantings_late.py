"""One way to break each invariant that says how soon something is done, or what is kept of it."""

from uuid import UUID

from django.utils import timezone

from campusg.ids import new_id
from sagas.approvals import approve
from sagas.models import RunStatus
from tests.factories import a_customer, an_order
from tests.sagas.planting import breaks, run, sql


@breaks("I18 clearing is what stands at Stripe")
def _a_difference_that_nobody_explains() -> None:
    sql(
        "INSERT INTO payments_break (layer, kind, object_id, ours, theirs, amount, currency, how,"
        " found_at) VALUES ('posted', 'orphan', 'tr_1', 'nothing', '-2.00 USD', -200, 'USD', '',"
        " now() - interval '25 hours')"
    )


@breaks("I24 outbox is being drained")
def _no_relay_is_at_work() -> None:
    sql(
        "UPDATE events_outboxevent SET created_at = now() - interval '61 s', published_at = NULL"
        " WHERE aggregateid = %(id)s",
        id=an_order().id,
    )


@breaks("I25 every consumer handled every published event")
def _nobody_is_told_of_an_order() -> None:
    sql(
        "UPDATE events_outboxevent SET published_at = now() - interval '6 minutes'"
        " WHERE aggregateid = %(id)s",
        id=an_order().id,
    )


@breaks("I26 webhooks processed")
def _stripe_told_us_and_nobody_listened() -> None:
    sql(
        "INSERT INTO payments_stripeevent (id, type, account, object_type, object_id,"
        " payment_intent, source, state, note, tries, created_at, received_at, next_try_at)"
        " VALUES (%(id)s, 'charge.expired', '', 'charge', 'ch_1', 'pi_1', 'webhook', 'received',"
        " '', 0, now(), now() - interval '6 minutes', now() - interval '6 minutes')",
        id=f"evt_{new_id().hex}",
    )


@breaks("I27 no stuck idempotency key")
def _a_key_whose_answer_was_never_written() -> None:
    sql(
        "INSERT INTO api_idempotencykey (user_id, route, key, fingerprint, location)"
        " VALUES (%(user)s, 'POST /api/orders', %(key)s, '', '')",
        user=a_customer().id, key=str(new_id()),
    )  # fmt: skip


@breaks("I29 manual money has reason and person")
def _money_taken_by_hand_and_nobody_says_why() -> None:
    facts = {"by_user_id": str(new_id()), "reason": ""}
    run(RunStatus.COMPLETED, 4, saga="capture_payment", facts=facts, ended_at=timezone.now())


@breaks("I29 manual money has reason and person")
def _much_money_taken_by_hand_by_who_approved_it() -> None:
    who, order_id = str(new_id()), new_id()
    approval = approve(
        move="capture_payment", order_id=order_id, amount=30_000, currency="USD",
        by_user_id=UUID(who), actor="ines", reason="it was parked",
    )  # fmt: skip
    facts = {"by_user_id": who, "reason": "it was parked", "order_id": str(order_id),
             "total": 30_000, "approval_limit": 20_000, "approval_id": approval.pk}  # fmt: skip
    run(RunStatus.COMPLETED, 4, saga="capture_payment", facts=facts, ended_at=timezone.now())


@breaks("I29 manual money has reason and person")
def _an_act_by_nobody() -> None:
    sql(
        "INSERT INTO sagas_action (saga, name, actor, reason, plan, before, after)"
        " VALUES ('pay_out', 'retry', '', 'it was late', '[]', '{}', '{}')"
    )
