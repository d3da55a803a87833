"""No more calls a second than Stripe takes, over all processes together.

https://docs.stripe.com/rate-limits: 100 a second in all and 25 on each endpoint. The count is kept
in Valkey. Without it each process counts for itself: being over the limit costs a 429, which is
safe, and never money, so nothing is refused for want of a counter.
"""

import logging
import random
import re
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

import redis
from django.conf import settings

from campusg.api.throttles import count

log = logging.getLogger(__name__)

#: So long a call waits for a second with a place left; after that its operation tries later.
PATIENCE_SECONDS = 3.0
#: After its prefix an id of Stripe's is random, so it has a digit or a capital somewhere.
_ID = re.compile(r"/[a-z]+_[a-z]*[A-Z0-9]\w*(?=/|$)")

_own: Counter[str] = Counter()
_own_second = 0
_lock = threading.Lock()


def route_of(method: str, url: str) -> str:
    """The endpoint: all ids of one share its limit. `POST /v1/payment_intents/:id/capture`."""
    return f"{method.upper()} {_ID.sub('/:id', urlsplit(url).path)}"


def wait_for_place(route: str) -> bool:
    """Wait until this second has a place for a call; False when none is free for too long."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not _free(route, int(time.time())):
        if time.monotonic() > end:
            return False
        # To the next second, and not all at once.
        time.sleep(1 - time.time() % 1 + random.uniform(0, 0.05))
    return True


def _free(route: str, second: int) -> bool:
    limits = {"all": settings.STRIPE_CALLS_PER_SECOND, route: settings.STRIPE_ROUTE_PER_SECOND}
    return all(
        _counted(f"stripe:{what}:{second}", second) <= most for what, most in limits.items() if most
    )


def _counted(name: str, second: int) -> int:
    try:
        return count(name, seconds=2)
    except redis.RedisError as error:
        log.warning("each process counts its own calls, Valkey does not answer: %s", error)
    global _own_second
    with _lock:
        if second != _own_second:
            _own.clear()
            _own_second = second
        _own[name] += 1
        return _own[name]
