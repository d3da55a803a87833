"""A TCP proxy that does on demand what networks do: delays, silence, resets, replies cut short."""

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
PIECE = 64 * 1024  # bytes read at once
# SO_LINGER with a time of zero makes close() send a reset and forget what was still to be sent.
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Mood:
    """How a proxy treats what passes. `delay`: seconds for which it holds back each piece;
    `silent`: nothing passes, in either direction, and nobody is told; `refuse`: new connections
    are reset; `cut`: of so many replies, 0 to 1, one half passes, then the connection is reset."""

    delay: float = 0.0
    silent: bool = False
    refuse: bool = False
    cut: float = 0.0


CALM = Mood()


class Proxy:
    """One port in front of one server. `named`: the server tells clients its own address, as a
    Kafka broker does, and is heard to tell ours instead. It lives in the network's thread."""

    def __init__(self, network: "Network", name: str, target: int, *, named: bool) -> None:
        self.name, self.target, self.port = name, target, 0
        self.counts: Counter[str] = Counter()
        self._network, self._named, self._mood = network, named, CALM
        self._heard = asyncio.Event()
        self._heard.set()
        self._links: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()

    def feel(self, mood: Mood) -> None:
        """Treat what passes from now on like this."""
        self._network.call(self._feel, mood)

    def reset(self) -> None:
        """Break every connection that is open now."""
        self._network.call(self._reset)

    def _feel(self, mood: Mood) -> None:
        self._mood = mood
        (self._heard.clear if mood.silent else self._heard.set)()

    def _reset(self) -> None:
        for link in self._links:
            self.counts["resets"] += 1
            for end in link:
                _abort(end)

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, HOST, 0)
        self.port = int(server.sockets[0].getsockname()[1])
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._mood.refuse:
            self.counts["refused"] += 1
            return _abort(writer)
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self.target)
        except OSError:
            return _abort(writer)
        link = (writer, to_server)
        self._links.add(link)
        both = [
            asyncio.create_task(self._pass(reader, to_server)),
            asyncio.create_task(self._pass(from_server, writer, replies=True)),
        ]
        leave = _abort
        try:
            # One that is broken, by either end or by us, is over in both directions.
            with contextlib.suppress(OSError):
                await asyncio.gather(*both)
                leave = _leave
        finally:
            self._links.discard(link)
            for task in both:
                task.cancel()
            for end in link:
                leave(end)

    async def _pass(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, replies: bool = False
    ) -> None:
        while piece := await source.read(PIECE):
            await asyncio.sleep(self._mood.delay)
            await self._heard.wait()
            if replies and self._network.random.random() < self._mood.cut:
                self.counts["cuts"] += 1
                sink.write(piece[: len(piece) // 2])
                await sink.drain()
                raise ConnectionResetError
            sink.write(self._renamed(piece) if replies and self._named else piece)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()

    def _renamed(self, piece: bytes) -> bytes:
        """Its host and port, as the Kafka protocol writes them, with our port instead."""
        theirs, ours = (HOST.encode() + struct.pack(">i", n) for n in (self.target, self.port))
        return piece.replace(theirs, ours)


class Network:
    """The thread in which proxies live, from `with` to its end."""

    def __init__(self) -> None:
        self.random = Random()
        self.proxies: dict[str, Proxy] = {}
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def front(self, name: str, target: int, *, named: bool = False) -> Proxy:
        """A proxy in front of a port of the loopback address; `named`: see Proxy."""
        proxy = Proxy(self, name, target, named=named)
        self._servers.append(self._run(proxy._listen()))
        self.proxies[name] = proxy
        return proxy

    def call(self, act: Any, *arguments: Any) -> None:
        """Have the thread do it."""
        self._loop.call_soon_threadsafe(act, *arguments)

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=10)


def _leave(writer: asyncio.StreamWriter) -> None:
    """End a connection once everything is sent."""
    writer.close()


def _abort(writer: asyncio.StreamWriter) -> None:
    """End a connection at once, so that the other end hears of a reset."""
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()
