"""A row's version as its ETag (RFC 9110 §13.1): spare an answer, or lose no update."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from campusg.errors import Refused

IF_NONE_MATCH = OpenApiParameter("If-None-Match", OpenApiTypes.STR, OpenApiParameter.HEADER)
IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The ETag you saw. If it has changed since, nothing happens and you get 412.",
)


class PreconditionFailed(Refused):
    """It has changed since the client looked."""

    code = "precondition_failed"
    status = 412


def etag(version: int) -> str:
    """The ETag of a version; strong, because a version is of every field that ever changes."""
    return f'"{version}"'


def is_known(request: Request, version: int) -> bool:
    """Whether If-None-Match names this version, so that the client has it already."""
    return etag(version) in _listed(request.headers.get("If-None-Match", "").replace("W/", ""))


def require(request: Request, *versions: int) -> None:
    """Raise PreconditionFailed if If-Match is sent and names none of these versions."""
    wanted = _listed(request.headers.get("If-Match", "*"))
    if "*" not in wanted and wanted.isdisjoint(map(etag, versions)):
        raise PreconditionFailed("It has changed since you looked.", field="If-Match")


def _listed(header: str) -> set[str]:
    return {one.strip() for one in header.split(",")}
