"""The proof of the events: what outbox, broker, inbox and post say of each other."""

from collections import Counter

from devstack.play.broker import CONSUMERS
from devstack.play.evidence import Check, Evidence


def each_is_published(evidence: Evidence) -> Check:
    """Every row of the outbox is at the broker, and nothing else is. Twice is allowed."""
    recorded = {row.id for row in evidence.recorded}
    read = {message.id for message in evidence.messages}
    wrong = [f"event {each} never came to the broker" for each in recorded - read]
    wrong += [f"nobody recorded event {each}" for each in read - recorded]
    wrong += [f"event {row.id} has no mark" for row in evidence.recorded if not row.published]
    figure = f"{len(read)} of {len(recorded)}"
    return Check("events published = rows of the outbox", figure, wrong)


def none_overtakes(evidence: Evidence) -> Check:
    """Of each order the versions come as 1, 2, 3 …, each where it first comes."""
    seen: dict[str, dict[int, None]] = {}
    for message in evidence.messages:
        seen.setdefault(message.order_id, {})[message.version] = None
    wrong = [
        f"order {order_id} came as {', '.join(map(str, versions))}"
        for order_id, versions in seen.items()
        if list(versions) != list(range(1, len(versions) + 1))
    ]
    return Check("an order's events come in order, without a gap", f"{len(seen)} orders", wrong)


def each_is_handled_once(evidence: Evidence) -> Check:
    """The inbox has a row for every event and consumer, none came too late, none is dead."""
    handled = Counter(row.event_id for row in evidence.inbox)
    wrong = [
        f"event {row.id} was handled {handled[row.id]} times"
        for row in evidence.recorded
        if handled[row.id] != len(CONSUMERS)
    ]
    wrong += [f"event {row.event_id} came too late" for row in evidence.inbox if row.ignored]
    wrong += ["a dead letter"] * evidence.dead_letters
    figure = f"{len(evidence.inbox)}, {evidence.dead_letters} dead"
    return Check("inbox = events × consumers, no dead letters", figure, wrong)


def everybody_is_told(evidence: Evidence) -> Check:
    """What was to be brought to somebody has been sent."""
    sent = sum(told.count for told in evidence.told if told.state == "sent")
    wrong = [
        f"{told.count} by {told.channel} are {told.state}"
        for told in evidence.told
        if told.state != "sent"
    ]
    return Check("every notification is delivered", str(sent), wrong or _none(sent))


def webhooks_are_followed(evidence: Evidence) -> Check:
    """What the sandbox has delivered is here and was followed to its end. Of what got lost on the
    way some may have been fetched from its list."""
    heard, wrong = evidence.heard, []
    if heard.received < evidence.delivered:
        wrong.append(f"{evidence.delivered} were delivered, {heard.received} are here")
    if heard.followed != heard.received:
        wrong.append(f"{heard.received - heard.followed} were not followed, {heard.dead} are dead")
    if not heard.received:
        wrong.append("there were none")
    figure = f"{heard.followed} of {heard.received}, {heard.dead} dead"
    return Check("every webhook delivered is here and followed", figure, wrong)


def _none(sent: int) -> list[str]:
    return [] if sent else ["nobody was told anything"]
