"""How often somebody may ask: counted by Redis in one atomic step, in windows of fixed length."""

import logging
import re
import time
from functools import cache
from typing import Any

import redis
from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

log = logging.getLogger(__name__)

_SECONDS = {"s": 1, "min": 60, "h": 3600}


def wait_for(scope: str, who: str) -> int:
    """Count one request of `who`; 0 if it is within THROTTLE_RATES[scope], else seconds to wait.

    Redis carries hints only, so without it nothing is refused: what must hold, holds in
    PostgreSQL (a customer has at most UNPAID_ORDERS_MAX unpaid orders, however many are posted).
    """
    rate = _parsed(settings.THROTTLE_RATES[scope])
    if rate is None:
        return 0
    most, seconds = rate
    now = time.time()
    try:
        asked = count(f"throttle:{scope}:{who}:{int(now // seconds)}", seconds)
    except redis.RedisError as error:
        log.warning("not throttled, Redis does not answer: %s", error)
        return 0
    return 0 if asked <= most else int(seconds - now % seconds) + 1


def count(name: str, seconds: int) -> int:
    """Count one more of `name`, which is forgotten after so many seconds; how many it makes.

    Raises redis.RedisError.
    """
    # Kept by name: of two made at the same moment the cache keeps one, and a client that nothing
    # refers to closes its connections, the one in use included.
    client = _redis(settings.REDIS_URL)
    with client.pipeline(transaction=True) as both:
        both.incr(name)
        both.expire(name, seconds)
        counted, _ = both.execute()
    return int(counted)


class Throttle(BaseThrottle):
    """The rates `anon` or `user` for every view, and one of its own where `throttle_scopes`
    names one for the HTTP method."""

    def __init__(self) -> None:
        self._wait = 0

    def allow_request(self, request: Request, view: Any) -> bool:
        """Count in each scope, so that one can't be used to get round the other."""
        signed_in = request.user is not None and request.user.is_authenticated
        who = str(request.user.pk) if signed_in else str(self.get_ident(request))
        scopes = {"user" if signed_in else "anon": who}
        own = getattr(view, "throttle_scopes", {}).get(request.method)
        if own is not None:
            about = getattr(view, "throttle_about", None)
            scopes[own] = f"{who}:{about(request)}" if about else who
        self._wait = max(wait_for(scope, whom) for scope, whom in scopes.items())
        return self._wait == 0

    def wait(self) -> float:
        """Seconds until the window ends."""
        return self._wait


def redis_answers(url: str) -> bool:
    """Whether Redis is there, for the readiness page."""
    try:
        return bool(_redis(url).ping())
    except redis.RedisError:
        return False


@cache
def _parsed(rate: str) -> tuple[int, int] | None:
    if rate == "off":
        return None
    parts = re.fullmatch(r"(\d+)/(s|min|h)", rate)
    if parts is None:
        raise ValueError(f"{rate!r} is no rate: write 10/min, or off")
    return int(parts[1]), _SECONDS[parts[2]]


@cache
def _redis(url: str) -> "redis.Redis":
    return redis.from_url(url, socket_timeout=0.3, socket_connect_timeout=0.3)
