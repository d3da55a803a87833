"""The one way out to Stripe: every request passes the limits and the breaker, reads included."""

from collections.abc import Mapping
from typing import Any

import stripe

from payments import breaker
from payments.gateway import limits


class NotSent(stripe.APIConnectionError):
    """The call was held back on our side and has surely not happened."""


class Line(stripe.RequestsClient):
    """The SDK's client for HTTP, which holds calls back and counts what was not answered."""

    def request(  # type: ignore[override]
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One request. Raises NotSent when it was not made, APIConnectionError without answer."""
        seconds = breaker.enter()
        if seconds:
            raise _not_sent(f"Stripe does not answer; nobody asks it for {seconds:.0f} s.")
        if not limits.wait_for_place(limits.route_of(method, url)):
            raise _not_sent("Too many calls to Stripe at once.")
        try:
            answer = super().request(method, url, headers, post_data)
        except stripe.APIConnectionError:
            breaker.failed()
            raise
        if answer[1] >= 500:
            breaker.failed()
        else:
            breaker.answered()
        return answer


def _not_sent(why: str) -> NotSent:
    return NotSent(why)  # type: ignore[no-untyped-call]
