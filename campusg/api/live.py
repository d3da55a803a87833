"""Live streams as views see them: who may follow what, and how it looks as server-sent events.

A view answers with what its client has missed, and that answer is whole. A process that can keep
connections open (`campusg.asgi`) goes on from there; anywhere else the client asks again after
`retry` milliseconds and says how far it came, as every EventSource does by itself.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import generics
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from campusg.api.permissions import sees_all

MEDIA_TYPE = "text/event-stream"
LAST_EVENT_ID = "Last-Event-ID"
#: Where a request carries its place in a process that keeps streams open.
PLACE = "campusg.place"
#: Milliseconds until a client asks again where nothing keeps its stream open.
ASK_AGAIN = 2000
#: The last event of all. It has no id, so that who comes back says how far they came, and is
#: answered 204: to an EventSource that means never to ask again.
END = b"event: end\ndata: {}\n\n"


class Frame(NamedTuple):
    """One event on the wire; `id` is what the client sends back to go on after it."""

    id: str
    event: str
    data: str

    def wire(self) -> bytes:
        """Its lines. JSON as we write it has no line breaks, so one data line holds it."""
        return f"id: {self.id}\nevent: {self.event}\ndata: {self.data}\n\n".encode()


class Reading(NamedTuple):
    """What there is to tell after a cursor; the cursor after it; whether there is no more ever."""

    frames: list[Frame]
    cursor: str
    ended: bool

    def wire(self) -> bytes:
        """Everything, with the end if it is one."""
        return b"".join(frame.wire() for frame in self.frames) + END * self.ended


class Source(Protocol):
    """Where the events of one kind of thing come from. Its methods ask the database."""

    #: The channel of `events.hints` on which a change of such a thing is told.
    channel: ClassVar[str]

    def read(self, key: UUID, after: str, *, ops: bool) -> Reading:
        """What follows the cursor `after`; from the beginning after one that is not ours."""

    def versions(self, keys: Collection[UUID]) -> Mapping[UUID, object]:
        """Something for each that changes whenever there is more to read."""


@dataclass(frozen=True)
class Topic:
    """What somebody follows. `ops`: with what only operators are told."""

    source: Source
    key: UUID
    ops: bool


class Place(Protocol):
    """One request's place among the streams that a process keeps open."""

    def take(self, account: str) -> bool:
        """Take it; False when this request has it already and only asks whether it still may.
        Raises TooManyStreams or NoPlaceLeft."""


class LiveResponse(HttpResponse):
    """What the client has missed; `topic` and `cursor` say how it goes on."""

    def __init__(self, topic: Topic, reading: Reading) -> None:
        opening = f"retry: {ASK_AGAIN}\n\n".encode()
        super().__init__(opening + reading.wire(), content_type=MEDIA_TYPE)
        self.topic, self.reading = topic, reading
        # nginx would collect what it should pass on at once.
        self["X-Accel-Buffering"] = "no"


class EventStreamRenderer(JSONRenderer):
    """Lets clients ask for `text/event-stream`; problems are JSON all the same."""

    media_type = MEDIA_TYPE
    format = "sse"


class LiveView(generics.GenericAPIView):
    """Follow one thing. Whoever may GET it may follow it, for as long as that stays so."""

    source: ClassVar[Source]
    renderer_classes = (EventStreamRenderer,)

    def get_throttles(self) -> list[BaseThrottle]:
        """A stream that is open counts once, however often it is asked whether it still may be."""
        place: Any = self.request.META.get(PLACE)
        return [] if place is not None and place.taken else super().get_throttles()

    def follow(self, request: Request) -> HttpResponse | Response:
        """What happened after Last-Event-ID, and then what happens."""
        thing = self.get_object()
        place: Place | None = request.META.get(PLACE)
        if place is not None and not place.take(str(request.user.pk)):
            return Response(status=204)
        topic = Topic(self.source, thing.pk, sees_all(request.user))
        after = _last_seen(request)
        reading = topic.source.read(topic.key, after, ops=topic.ops)
        if reading.ended and after and not reading.frames:
            return Response(status=204)
        return LiveResponse(topic, reading)


#: By OpenAPI 3.1 a schema of `text/event-stream` describes each event.
_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
#: How every stream is described.
described = extend_schema(
    parameters=[
        OpenApiParameter(
            LAST_EVENT_ID,
            OpenApiTypes.STR,
            OpenApiParameter.HEADER,
            description="The id of the last event you got: only what came after it is sent.",
        ),
        OpenApiParameter(
            "last_event_id", OpenApiTypes.STR, description="The same, if you can't set headers."
        ),
    ],
    responses={
        (200, MEDIA_TYPE): OpenApiResponse(
            _EVENT,
            description="Server-sent events, the last of them `end`. If the connection ends "
            "without it, ask again with the last id.",
        ),
        204: OpenApiResponse(description="You have had everything; don't ask again."),
    },
)


def _last_seen(request: Request) -> str:
    header: str = request.headers.get(LAST_EVENT_ID, "")
    return header or str(request.query_params.get("last_event_id", ""))
