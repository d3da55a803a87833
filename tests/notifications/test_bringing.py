"""E-mail and SMS leave with nothing uncommitted, are tried again, and end sent or dead."""

import smtplib
from datetime import timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db.models.functions import Now
from django.test import override_settings

from campusg.consumers import notifications as consumer
from events.inbox import handle
from notifications import services
from notifications.bringing import TRIES, Claim, bring, claim
from notifications.errors import NotDead
from notifications.models import Channel, Delivery, DeliveryState
from notifications.tasks import hurry_due
from tests.conftest import eventually
from tests.factories import an_order
from tests.notifications.events import an_event


class Broken(EmailBackend):
    """A mail server that is down."""

    def send_messages(self, messages):
        raise smtplib.SMTPServerDisconnected("down for maintenance")


class Unknown(EmailBackend):
    """A mail server that knows no such address."""

    def send_messages(self, messages):
        raise smtplib.SMTPRecipientsRefused({"x": (550, b"no such user")})


HERE = f"{__name__}."
broken = override_settings(EMAIL_BACKEND=HERE + "Broken")


@pytest.fixture
def no_other_post(committed_db):
    """What earlier tests have left to be sent is not sent here."""
    Delivery.objects.filter(next_try_at__isnull=False).update(
        state=DeliveryState.DEAD, next_try_at=None
    )
    mail.outbox = []


def a_letter(channel=Channel.EMAIL, phone=""):
    """A committed delivery that is due."""
    order = an_order()
    order.customer.phone = phone
    order.customer.save()
    handle(consumer, [an_event("order.awaiting_payment", order.id, total=1699)])
    return Delivery.objects.get(notification__order_id=order.id, channel=channel)


def due_now(delivery):
    Delivery.objects.filter(pk=delivery.pk).update(next_try_at=Now())


def test_an_email_is_sent_once_with_words_a_link_and_a_name_of_its_own(no_other_post):
    delivery = a_letter()
    assert services.bring_due() == 1
    assert services.bring_due() == 0
    (sent,) = mail.outbox
    person = delivery.notification.person
    assert (sent.to, sent.subject) == ([person.email], "Confirm your card")
    assert "16.99 USD" in sent.body
    assert f"/orders/{delivery.notification.order_id}/" in sent.body
    assert sent.extra_headers["Message-ID"] == f"<{delivery.pk}@localhost>"
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries, delivery.next_try_at) == ("sent", 1, None)
    assert delivery.sent_at is not None


def test_an_sms_goes_to_the_number_of_who_gave_one(no_other_post, capsys):
    a_letter(Channel.SMS, phone="+6591234567")
    assert services.bring_due() == 2
    assert "SMS to +6591234567: Confirm your card." in capsys.readouterr().out


def test_a_mail_server_that_is_down_is_asked_again_ever_later_and_then_a_person(no_other_post):
    delivery = a_letter()
    waits = []
    with broken:
        for _ in range(TRIES):
            assert services.bring_due() == 1
            delivery = Delivery.objects.annotate(now=Now()).get(pk=delivery.pk)
            if delivery.next_try_at:
                waits.append(delivery.next_try_at - delivery.now)
                assert delivery.state == DeliveryState.FAILED
            due = delivery.next_try_at is not None
            assert services.bring_due() == 0, "it is not due yet"
            if due:
                due_now(delivery)
    assert (delivery.state, delivery.tries) == (DeliveryState.DEAD, TRIES)
    assert "down for maintenance" in delivery.last_error
    assert waits == sorted(waits)
    assert waits[0] > timedelta(seconds=20)

    services.try_again(delivery_id=delivery.pk)
    assert services.bring_due() == 1
    assert len(mail.outbox) == 1
    with pytest.raises(NotDead):
        services.try_again(delivery_id=delivery.pk)


def test_an_address_that_nobody_has_is_not_tried_twice(no_other_post):
    delivery = a_letter()
    with override_settings(EMAIL_BACKEND=HERE + "Unknown"):
        services.bring_due()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == (DeliveryState.DEAD, 1)
    assert "no such user" in delivery.last_error


def test_who_dies_while_sending_leaves_it_to_another_when_the_lease_is_over(no_other_post):
    delivery = a_letter()
    lost = claim()
    assert lost == Claim(delivery.pk, 1)
    assert services.bring_due() == 0, "another holds it"
    due_now(delivery)
    second = claim()
    # The one thought dead comes back late: its record counts no more.
    with broken:
        bring(lost)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == (DeliveryState.PENDING, "")
    bring(second)
    delivery.refresh_from_db()
    assert (delivery.state, delivery.tries) == (DeliveryState.SENT, 2)


def test_what_kills_each_worker_that_sends_it_comes_to_an_end(no_other_post):
    delivery = a_letter()
    for _ in range(TRIES):
        assert claim()
        due_now(delivery)
    assert services.bring_due() == 1
    delivery.refresh_from_db()
    assert (delivery.state, delivery.last_error) == ("dead", "Its last try never came back.")
    assert mail.outbox == []


@pytest.mark.django_db
def test_nothing_leaves_while_anything_is_uncommitted():
    delivery = a_letter()
    with pytest.raises(RuntimeError, match="committed"):
        bring(Claim(delivery.pk, 1))
    assert mail.outbox == []


@pytest.mark.story
def test_the_workers_bring_what_is_due_with_no_beat(no_other_post, worker):
    delivery = a_letter()
    eventually(lambda: Delivery.objects.filter(pk=delivery.pk, state="sent").exists())


@pytest.mark.story
def test_where_nothing_is_due_nobody_is_sent(no_other_post, no_worker):
    assert hurry_due() is False
    a_letter()
    assert hurry_due() is True
