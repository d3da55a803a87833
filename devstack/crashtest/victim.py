"""Imported by a worker that is to be killed: it waits for its orders, and stands still in the
midst of the step that they name, its transaction open, until it is."""

import os
import sys
import time
from typing import NoReturn
from uuid import UUID

from django.conf import settings

from campusg.points import Point, listen

# What else has fallen behind is for another worker to find: this one takes the message it gets.
settings.SAGA_PULSE = {}


def _stand_still(telling: int) -> NoReturn:
    os.write(telling, b"here")
    while True:
        time.sleep(3600)


def _hold(run: UUID, telling: int) -> None:
    def hear(point: Point, of: UUID) -> None:
        if (point, of) == (Point.EFFECT, run):
            _stand_still(telling)

    listen(hear)


# Before the worker is at the broker, so that those who wait here take nobody's message.
if (_words := sys.stdin.readline().split()) != []:
    _hold(UUID(_words[0]), int(_words[1]))
