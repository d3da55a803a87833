"""An event becomes rows: a notification for each person whom it concerns, and its deliveries."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models.functions import Now

from events.envelope import Event
from notifications.models import Channel, Delivery, DeliveryState, Notification, Role
from notifications.telling import Tell, Words, told_of, words


class Parties(NamedTuple):
    """The accounts of those whom an order is about."""

    customer_id: UUID
    owner_id: UUID
    runner_id: UUID | None


@dataclass(frozen=True)
class AddressBook:
    """Who is who, as other apps know it; the consumer is given one (docs/decisions, 12)."""

    parties_of: Callable[[UUID], Parties | None]
    operators: Callable[[], Iterable[UUID]]


def notify(event: Event, book: AddressBook) -> list[Notification]:
    """Write what people are told of this event; call it in a transaction, once for each event.

    Somebody with two roles is told once, as the first of them. An event of an order that is not
    here concerns nobody.
    """
    tells = list(told_of(event))
    if not tells:
        return []
    parties = book.parties_of(event.order_id)
    told: dict[UUID, Tell] = {}
    for tell in tells:
        for person_id in _people(tell.role, event, parties, book):
            told.setdefault(person_id, tell)
    said = {tell.role: words(event, tell.role) for tell in told.values()}
    told = {person_id: tell for person_id, tell in told.items() if said[tell.role].title}
    written = [_written(event, person_id, tell.role, said) for person_id, tell in told.items()]
    Notification.objects.bulk_create(written)
    reachable = _reachable(person_id for person_id, tell in told.items() if tell.also)
    Delivery.objects.bulk_create(
        _delivery(one, channel)
        for one, tell in zip(written, told.values(), strict=True)
        for channel in (Channel.IN_APP, *tell.also)
        if channel in reachable.get(one.person_id, {Channel.IN_APP})
    )
    return written


def _reachable(people: Iterable[UUID]) -> dict[UUID, set[Channel]]:
    """By which channels each of these people can be reached: who gave no number gets no SMS."""
    wanted = list(people)
    if not wanted:
        return {}
    found = get_user_model().objects.filter(pk__in=wanted).values_list("pk", "email", "phone")
    return {
        pk: {Channel.IN_APP}
        | ({Channel.EMAIL} if email else set())
        | ({Channel.SMS} if phone else set())
        for pk, email, phone in found
    }


def _people(role: Role, event: Event, parties: Parties | None, book: AddressBook) -> Iterable[UUID]:
    if role == Role.OPS:
        return book.operators()
    if parties is None:
        return ()
    if role == Role.CUSTOMER:
        return (parties.customer_id,)
    if role == Role.RESTAURANT:
        return (parties.owner_id,)
    # A runner may have changed since; the event tells of the one of its own time.
    runner = event.data.get("runner_id", parties.runner_id)
    return (UUID(str(runner)),) if runner else ()


def _written(event: Event, person_id: UUID, role: Role, said: Mapping[Role, Words]) -> Notification:
    return Notification(
        person_id=person_id,
        role=role,
        event_id=event.id,
        order_id=event.order_id,
        type=event.type,
        **said[role]._asdict(),
    )


def _delivery(notification: Notification, channel: Channel) -> Delivery:
    if channel == Channel.IN_APP:
        # The row in the inbox is the delivery.
        return Delivery(
            notification=notification,
            channel=channel,
            state=DeliveryState.SENT,
            next_try_at=None,
            sent_at=Now(),
        )
    return Delivery(notification=notification, channel=channel)
