"""The hub: who follows what in this process, and one reading for all who stand at the same place.

Everything here runs on the event loop; only readings go to threads, a few at a time.
"""

import asyncio
import logging
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from django.conf import settings

from campusg.api.live import Reading, Source, Topic

log = logging.getLogger(__name__)

#: A comment, which keeps proxies from taking a quiet stream for a dead one.
HEARTBEAT = b": here\n\n"
#: Bytes that may wait for a client; one that takes them so slowly had better come back later.
BUFFER_BYTES = 256 * 1024
#: Runs a function that asks the database in a thread.
Ask = Callable[..., Awaitable[Any]]


class Follower:
    """One open stream: how far its client has been told, and what still waits to be written."""

    def __init__(self, topic: Topic, cursor: str) -> None:
        self.topic, self.cursor = topic, cursor
        self.over = False
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._wake = asyncio.Event()

    def push(self, reading: Reading, chunk: bytes) -> None:
        """Let `chunk`, the reading as it is written, go out; a client for whom too much waits
        already is given up."""
        self.cursor, self.over = reading.cursor, reading.ended
        self._chunks.append(chunk)
        self._waiting += len(chunk)
        if self._waiting > BUFFER_BYTES:
            self._chunks.clear()
            self.over = True
        self._wake.set()

    def leave(self) -> None:
        """Write what waits, and no more."""
        self.over = True
        self._wake.set()

    async def next(self, within: float) -> bytes:
        """What to write now: a heartbeat if nothing came in `within` seconds, b"" at the end."""
        if not self._chunks and not self.over:
            try:
                async with asyncio.timeout(within):
                    await self._wake.wait()
            except TimeoutError:
                return HEARTBEAT
        self._wake.clear()
        chunk = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        return chunk


class Audience:
    """All who follow one thing here."""

    def __init__(self) -> None:
        self.followers: set[Follower] = set()
        self.version: object = None
        self.stale = False
        self.reading: asyncio.Task[None] | None = None


class Hub:
    """Every follower of this process."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._audiences: dict[tuple[Source, UUID], Audience] = defaultdict(Audience)
        # By channel, so that a hint about a thing that nobody follows costs next to nothing.
        self._sources: dict[str, set[Source]] = defaultdict(set)
        self._soon = asyncio.Event()
        self._closing = False

    def join(self, follower: Follower) -> None:
        """From now on it is told; what happened since its view looked, at once."""
        topic = follower.topic
        self._sources[topic.source.channel].add(topic.source)
        self._audiences[topic.source, topic.key].followers.add(follower)
        self._refresh(topic.source, topic.key)
        if self._closing:
            follower.leave()

    def leave(self, follower: Follower) -> None:
        """It is told nothing more."""
        at = follower.topic.source, follower.topic.key
        audience = self._audiences[at]
        audience.followers.discard(follower)
        if not audience.followers:
            del self._audiences[at]

    def hint(self, channel: str, key: UUID) -> None:
        """Something may have happened to a thing."""
        for source in self._sources.get(channel, ()):
            if (source, key) in self._audiences:
                self._refresh(source, key)

    def everybody_out(self) -> None:
        """End every stream, and those that still come; the clients go on elsewhere."""
        self._closing = True
        for audience in self._audiences.values():
            for follower in audience.followers:
                follower.leave()

    async def poll(self) -> None:
        """Find what no hint told of: one query for each kind of thing, whatever their number."""
        keys: dict[Source, list[UUID]] = defaultdict(list)
        for source, key in self._audiences:
            keys[source].append(key)
        for source, followed in keys.items():
            for key, version in (await self._ask(source.versions, followed)).items():
                audience = self._audiences.get((source, key))
                if audience is not None and audience.version != version:
                    audience.version = version
                    self._refresh(source, key)

    async def polling(self) -> None:
        """Poll for ever; a database that is away is asked again in the next round."""
        while True:
            try:
                async with asyncio.timeout(settings.STREAM_POLL_SECONDS):
                    await self._soon.wait()
            except TimeoutError:
                pass
            self._soon.clear()
            try:
                await self.poll()
            except Exception as error:
                log.warning("the poll for lost hints failed: %r", error)

    def poll_soon(self) -> None:
        """Hints may have been lost just now."""
        self._soon.set()

    def _refresh(self, source: Source, key: UUID) -> None:
        audience = self._audiences[source, key]
        audience.stale = True
        if audience.reading is None:
            audience.reading = asyncio.ensure_future(self._read(source, key, audience))

    async def _read(self, source: Source, key: UUID, audience: Audience) -> None:
        """Until nothing has changed meanwhile: hints that come while it reads cost one reading."""
        try:
            while audience.stale:
                audience.stale = False
                for (ops, cursor), group in _together(audience.followers).items():
                    reading = await self._ask(source.read, key, cursor, ops=ops)
                    if reading.frames or reading.ended:
                        chunk = reading.wire()
                        for follower in group:
                            follower.push(reading, chunk)
        except Exception as error:
            # The next poll tries again: to it this thing has changed.
            audience.version = None
            log.warning("%s %s could not be read: %r", source.channel, key, error)
        finally:
            audience.reading = None


def _together(followers: set[Follower]) -> dict[tuple[bool, str], list[Follower]]:
    """Those who are told the same next. Nobody else moves a cursor, so it holds while reading."""
    groups: dict[tuple[bool, str], list[Follower]] = defaultdict(list)
    for follower in followers:
        if not follower.over:
            groups[follower.topic.ops, follower.cursor].append(follower)
    return groups
