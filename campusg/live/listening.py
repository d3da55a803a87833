"""The one LISTEN of a process: hints come from PostgreSQL onto the event loop, without a thread."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg2
from django.db import connection
from django.db.utils import Error

log = logging.getLogger(__name__)

Heard = Callable[[str, UUID], None]
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds until the next try to connect
#: A server that vanished without a word is noticed within a minute.
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


async def listen(channels: Sequence[str], heard: Heard, again: Callable[[], Any]) -> None:
    """Call `heard(channel, key)` for each hint, for ever; `again()` after each time it connected,
    because hints sent meanwhile are lost."""
    names = {f"campusg_{channel}": channel for channel in channels}
    pause = FIRST_PAUSE
    while True:
        try:
            listening = await asyncio.to_thread(_connect, list(names))
        except (Error, psycopg2.Error) as error:
            log.warning("no LISTEN, streams poll meanwhile: %s", error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            continue
        pause = FIRST_PAUSE
        try:
            again()
            await _until_lost(listening, names, heard)
        finally:
            listening.close()


async def _until_lost(listening: Any, names: dict[str, str], heard: Heard) -> None:
    loop = asyncio.get_running_loop()
    lost = loop.create_future()

    def readable() -> None:
        try:
            listening.poll()
        except psycopg2.Error as error:
            log.warning("the LISTEN is lost, connecting again: %s", error)
            loop.remove_reader(number)
            lost.set_result(None)
            return
        while listening.notifies:
            hint = listening.notifies.pop(0)
            heard(names[hint.channel], UUID(hint.payload))

    number = listening.fileno()
    loop.add_reader(number, readable)
    try:
        await lost
    finally:
        loop.remove_reader(number)


def _connect(names: list[str]) -> Any:
    """A connection of its own: Django's belong to threads, and close when those think fit."""
    own = connection.copy()
    parameters = own.get_connection_params() | KEEPALIVE | {"application_name": "campusg live"}
    listening = own.get_new_connection(parameters)
    listening.autocommit = True
    with listening.cursor() as cursor:
        for name in names:
            cursor.execute(f'LISTEN "{name}"')
    return listening
