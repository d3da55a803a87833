"""Why a due event is not set or taken back."""

from campusg.errors import Conflict, Refused


class UnknownEvent(Refused):
    """There is no such due event."""

    code = "unknown_event"
    status = 404


class EventOver(Conflict):
    """It has fired; what followed from it cannot be taken back here."""

    code = "event_over"


class AlreadyScheduled(Conflict):
    """One of this type is pending for this entity already, at another time."""

    code = "already_scheduled"
