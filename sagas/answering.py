"""Answers to requests that start a saga: 202 and where to look, or its end if they waited."""

import re
import time
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from sagas.models import ACTIVE, Run, RunStatus

WAIT_MAX_SECONDS = 10
PREFER = OpenApiParameter(
    "Prefer",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description=f"`wait=N`: wait up to N seconds, {WAIT_MAX_SECONDS} at most, for the outcome.",
)
#: At an end; a parked run is not, and its client has to look again.
RESTED = (RunStatus.COMPLETED, RunStatus.COMPENSATED, RunStatus.TERMINATED)


def status_of(run: Run) -> int:
    """200 when the run has ended, 202 while there is more to come."""
    return status.HTTP_200_OK if run.status in RESTED else status.HTTP_202_ACCEPTED


def outcome(request: Request, response: Response, run_id: UUID) -> Run | None:
    """The run at rest, if `Prefer: wait=N` asks for it and it comes in time; says so in the
    response. To be called after the transaction that started the run."""
    seconds = _preferred_wait(request)
    if not seconds:
        return None
    response["Preference-Applied"] = f"wait={seconds}"
    return _rested(run_id, seconds)


def _preferred_wait(request: Request) -> int:
    """Seconds from `Prefer: wait=N` (RFC 7240 §4.3), as many of them as we grant."""
    asked = re.search(r"(?:^|[,;\s])wait=(\d{1,6})", request.headers.get("Prefer", ""))
    return min(int(asked[1]), WAIT_MAX_SECONDS) if asked else 0


def _rested(run_id: UUID, seconds: int) -> Run | None:
    """The run once it has come to rest; None if it has not within `seconds`."""
    end, pause = time.monotonic() + seconds, 0.01
    while True:
        run = Run.objects.exclude(status__in=ACTIVE).filter(pk=run_id).first()
        if run is not None or time.monotonic() + pause > end:
            return run
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
