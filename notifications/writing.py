"""Events become rows: a notification for each person whom they concern, and its deliveries."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db.models.functions import Now

from events.envelope import Event
from notifications.models import Channel, Delivery, DeliveryState, Notification, Role
from notifications.telling import Tell, told_of, words


class Parties(NamedTuple):
    """The accounts of those whom an order is about."""

    customer_id: UUID
    owner_id: UUID
    runner_id: UUID | None


@dataclass(frozen=True)
class AddressBook:
    """Who is who, as other apps know it; the consumer is given one (docs/decisions, 16)."""

    parties_of: Callable[[Collection[UUID]], Mapping[UUID, Parties]]
    operators: Callable[[], Sequence[UUID]]


def notify(events: Sequence[Event], book: AddressBook) -> list[Notification]:
    """Write what people are told of these events; in a transaction, and once for each event.

    Somebody with two roles is told once, as the first of them. An event of an order that is not
    here concerns nobody but the operators.
    """
    tells = [(event, list(told_of(event))) for event in events]
    parties = book.parties_of({event.order_id for event, lines in tells if lines})
    operators = book.operators() if any(_is_for_ops(lines) for _, lines in tells) else ()
    written: list[tuple[Notification, Tell]] = []
    for event, lines in tells:
        people = _people(event, parties.get(event.order_id), operators)
        written += _written(event, lines, people)
    Notification.objects.bulk_create(notification for notification, _ in written)
    reachable = _reachable({told.person_id for told, tell in written if tell.also})
    Delivery.objects.bulk_create(
        _delivery(told, channel)
        for told, tell in written
        for channel in (Channel.IN_APP, *tell.also)
        if channel == Channel.IN_APP or channel in reachable[told.person_id]
    )
    return [notification for notification, _ in written]


def _is_for_ops(lines: Iterable[Tell]) -> bool:
    return any(tell.role == Role.OPS for tell in lines)


def _people(
    event: Event, parties: Parties | None, operators: Sequence[UUID]
) -> dict[Role, Sequence[UUID]]:
    """Who has which role in what happened."""
    if parties is None:
        return {Role.OPS: operators}
    # A runner may have changed since; the event tells of the one of its own time.
    runner = event.data.get("runner_id", parties.runner_id)
    return {
        Role.CUSTOMER: (parties.customer_id,),
        Role.RESTAURANT: (parties.owner_id,),
        Role.RUNNER: (UUID(str(runner)),) if runner else (),
        Role.OPS: operators,
    }


def _written(
    event: Event, lines: Iterable[Tell], people: Mapping[Role, Sequence[UUID]]
) -> Iterator[tuple[Notification, Tell]]:
    told: set[UUID] = set()
    for tell in lines:
        said = words(event, tell.role)
        for person_id in people.get(tell.role, ()):
            if said.title and person_id not in told:
                told.add(person_id)
                yield _notification(event, person_id, tell.role, said._asdict()), tell


def _notification(
    event: Event, person_id: UUID, role: Role, said: Mapping[str, str]
) -> Notification:
    return Notification(
        person_id=person_id,
        role=role,
        event_id=event.id,
        order_id=event.order_id,
        type=event.type,
        **said,
    )


def _reachable(people: Collection[UUID]) -> dict[UUID, set[Channel]]:
    """By what each of these people can be reached: who gave no number gets no SMS."""
    if not people:
        return {}
    found = get_user_model().objects.filter(pk__in=people).values_list("pk", "email", "phone")
    return {
        pk: {channel for channel, at in ((Channel.EMAIL, email), (Channel.SMS, phone)) if at}
        for pk, email, phone in found
    }


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
