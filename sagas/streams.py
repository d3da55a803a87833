"""A run's timeline as it grows."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from campusg.api.live import Frame, LiveView, Reading, described
from sagas.answering import RESTED
from sagas.engine.store import HINTED
from sagas.models import Direction, Run, StepLog
from sagas.serializers import RunSummarySerializer, StepSerializer
from sagas.views import seen_by


class RunTimeline:
    """The step log, run by run. A line of it changes in place, so a cursor says of every line
    which state and try of it was told, and of the run which status."""

    channel: ClassVar[str] = HINTED

    def read(self, key: UUID, after: str, *, ops: bool) -> Reading:
        """As `Source` says. The run first: its last step is there before its end is."""
        run = Run.objects.get(pk=key)
        known = set(after.split("."))
        entries = list(_entries(run, ops=ops))
        told = [mark for mark, _, _ in entries if mark in known]
        frames = []
        for mark, event, data in entries:
            if mark not in known:
                told.append(mark)
                frames.append(Frame(".".join(told), event, data))
        return Reading(frames, frames[-1].id if frames else after, run.status in RESTED)

    def versions(self, keys: Collection[UUID]) -> Mapping[UUID, object]:
        """As `Source` says."""
        return dict(Run.objects.filter(pk__in=keys).values_list("pk", "changed_at"))


class RunStream(LiveView):
    """A run's timeline: `step` for each line that is new or changed, `run` when its status
    changes; ends when the run has. An id says all that was told so far."""

    source = RunTimeline()

    def get_queryset(self) -> QuerySet[Run]:
        """What this user may see."""
        return seen_by(self.request.user)

    @described
    def get(self, request: Request, pk: UUID) -> HttpResponse | Response:
        """What the run did, and then what it does."""
        return self.follow(request)


def _entries(run: Run, *, ops: bool) -> Iterator[tuple[str, str, str]]:
    """Every line of the timeline, then the run as it stands."""
    for step in run.steps.all():
        yield _mark(step), "step", _json(StepSerializer(step, context={"ops": ops}).data)
    yield f"={run.status}", "run", _json(RunSummarySerializer(run, context={"ops": ops}).data)


def _mark(step: StepLog) -> str:
    """A line in its present state and try: `3S1` has started, `-3D1` is undone."""
    sign = "-" if step.direction == Direction.UNDO else ""
    return f"{sign}{step.position}{step.state[0]}{step.attempt}"


def _json(data: Any) -> str:
    encoded: bytes = JSONRenderer().render(data)
    return encoded.decode()
