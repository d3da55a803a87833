"""Rate limits: so many requests a second in all, and so many at each endpoint.

"100 operations per second in live mode, 25 in a sandbox", "25 for each endpoint":
https://docs.stripe.com/rate-limits. Off unless the settings name a limit.
"""

import threading
import time
from collections import Counter

from devstack.stripe_sandbox.errors import RateLimited
from devstack.stripe_sandbox.settings import Settings


class Limiter:
    """Counts the requests of the running second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._second = 0
        self._seen: Counter[str] = Counter()

    def admit(self, endpoint: str, settings: Settings) -> None:
        """Raises RateLimited for one request too many. All ids of one route share its limit."""
        limits = {
            "": (settings.rate_limit_per_second, "global-rate"),
            endpoint: (settings.endpoint_rate_limit_per_second, "endpoint-rate"),
        }
        with self._lock:
            second = int(time.monotonic())
            if second != self._second:
                self._second, self._seen = second, Counter()
            for name, (limit, reason) in limits.items():
                if limit and self._seen[name] >= limit:
                    raise RateLimited(reason=reason)
            self._seen.update(limits.keys())
