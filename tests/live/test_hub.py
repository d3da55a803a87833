"""The hub alone: one reading for many, and nobody waits for the slow."""

import asyncio
from collections import Counter
from typing import Any, ClassVar
from uuid import UUID

from campusg.api.live import Frame, Reading, Topic
from campusg.ids import new_id
from campusg.live import hub as module
from campusg.live.hub import HEARTBEAT, Follower, Hub

#: Seconds within which what is sure to come comes, on a busy machine too.
LONG = 20


class Story:
    """A source in memory; it counts how often it is read."""

    channel: ClassVar[str] = "story"

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.ended = False
        self.readings: Counter[str] = Counter()
        self.broken = False

    def tell(self, data: str = "{}") -> None:
        self.frames.append(Frame(str(len(self.frames) + 1), "told", data))

    def read(self, key: UUID, after: str, *, ops: bool) -> Reading:
        self.readings[after] += 1
        if self.broken:
            raise ConnectionError("gone")
        frames = self.frames[int(after) :]
        return Reading(frames, str(len(self.frames)), self.ended)

    def versions(self, keys: Any) -> dict[UUID, object]:
        return dict.fromkeys(keys, len(self.frames))


async def ask(function: Any, *args: Any, **kwargs: Any) -> Any:
    await asyncio.sleep(0)
    return function(*args, **kwargs)


def joined(hub: Hub, topic: Topic, count: int = 1) -> list[Follower]:
    followers = [Follower(topic, "0") for _ in range(count)]
    for one in followers:
        hub.join(one)
    return followers


def topic() -> Topic:
    return Topic(Story(), new_id(), False)


def test_many_who_stand_at_the_same_place_cost_one_reading() -> None:
    async def story() -> None:
        hub, about = Hub(ask), topic()
        about.source.tell()
        followers = joined(hub, about, 50)
        for one in followers:
            assert b"id: 1" in await one.next(LONG)
        about.source.tell()
        for _ in range(20):
            hub.hint("story", about.key)
        hub.hint("another", about.key)
        for one in followers:
            assert b"id: 2" in await one.next(LONG)
        assert about.source.readings["0"] == 1
        assert about.source.readings["1"] <= 2, "hints that come while it reads cost one reading"

    asyncio.run(story())


def test_who_is_too_slow_is_given_up_and_the_others_are_not(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "BUFFER_BYTES", 1000)

    async def story() -> None:
        hub, about = Hub(ask), topic()
        slow, quick = joined(hub, about, 2)
        taken = 0
        for _ in range(5):
            about.source.tell("x" * 300)
            hub.hint("story", about.key)
            taken += (await quick.next(LONG)).count(b"event: told")
        assert (taken, quick.over) == (5, False)
        assert (slow.over, await slow.next(LONG)) == (True, b"")

    asyncio.run(story())


def test_a_reading_that_fails_is_made_again_at_the_next_poll() -> None:
    async def story() -> None:
        hub, about = Hub(ask), topic()
        about.source.tell()
        about.source.broken = True
        (one,) = joined(hub, about)
        await hub.poll()
        assert await one.next(0.05) == HEARTBEAT
        about.source.broken = False
        await hub.poll()
        assert b"id: 1" in await one.next(LONG)

    asyncio.run(story())


def test_an_end_is_told_and_everybody_else_goes_when_told_to() -> None:
    async def story() -> None:
        hub, about, other = Hub(ask), topic(), topic()
        (one,), (two,) = joined(hub, about), joined(hub, other)
        about.source.ended = True
        hub.hint("story", about.key)
        assert (await one.next(LONG)).startswith(b"event: end")
        assert await one.next(LONG) == b""
        hub.everybody_out()
        assert await two.next(LONG) == b""
        # Sent away, a client may be back before the server has closed its door.
        (late,) = joined(hub, other)
        assert await late.next(LONG) == b""
        for follower in (one, two, late):
            hub.leave(follower)
        assert not hub._audiences, "nothing is left behind"

    asyncio.run(story())
