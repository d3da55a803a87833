"""The post: one function for each channel that leaves the house. Network only, no database."""

from collections.abc import Callable
from dataclasses import dataclass
from smtplib import SMTPException, SMTPRecipientsRefused
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.utils.module_loading import import_string

from notifications.errors import NoAddress, NotSent
from notifications.models import Channel
from notifications.sms import SmsBackend


@dataclass(frozen=True)
class Letter:
    """What leaves the house; `id` is the delivery's and the same at every try."""

    id: UUID
    email: str
    phone: str
    title: str
    body: str
    order_id: UUID


def send_email(letter: Letter) -> None:
    """Hand it to Django's mail back end. Raises NotSent, or NoAddress when there is nobody there.

    A second try carries the same Message-ID, by which mailboxes drop what they have.
    """
    if not letter.email:
        raise NoAddress("This account has no e-mail address; add one, then try again.")
    host = settings.SITE_URL.partition("://")[2].partition("/")[0].partition(":")[0]
    message = EmailMessage(
        subject=letter.title,
        body=f"{letter.body}\n\n{settings.SITE_URL}/orders/{letter.order_id}/\n",
        to=[letter.email],
        headers={"Message-ID": f"<{letter.id}@{host}>"},
    )
    try:
        message.send()
    except SMTPRecipientsRefused as error:
        raise NoAddress(f"The mail server knows no {letter.email}: {error}") from error
    except (SMTPException, OSError) as error:
        raise NotSent(f"{type(error).__name__}: {error}") from error


def send_sms(letter: Letter) -> None:
    """Hand it to the back end that `SMS_BACKEND` names. Raises NotSent, or NoAddress."""
    if not letter.phone:
        raise NoAddress("This account has no phone number; add one, then try again.")
    backend: SmsBackend = import_string(settings.SMS_BACKEND)()
    backend.send(to=letter.phone, text=f"{letter.title}. {letter.body}")


SENDERS: dict[str, Callable[[Letter], None]] = {Channel.EMAIL: send_email, Channel.SMS: send_sms}
