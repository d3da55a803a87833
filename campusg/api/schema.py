"""The OpenAPI document: what every operation has in common is said here, once."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from campusg.api import idempotency, versions
from campusg.api.errors import MEDIA_TYPE
from campusg.api.serializers import Problem

_KEY = OpenApiParameter(
    idempotency.HEADER,
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    required=True,
    pattern=f"^{idempotency.PATTERN}$",
    description=(
        "The same key and body again get the same answer, with `Idempotent-Replayed: true`. "
        f"Kept for {idempotency.KEPT_HOURS} hours, per account and path."
    ),
)
_ALWAYS = {
    "400": "The request is malformed.",
    "406": "No such representation.",
    "429": "Too many requests; see Retry-After.",
    "503": "Try again; see Retry-After.",
}


class ApiSchema(AutoSchema):
    """Adds to each operation its problems and, where one is wanted, the Idempotency-Key.

    What may go wrong with one view only stands in its `problems`, by HTTP method and status.
    """

    def get_override_parameters(self) -> list[Any]:
        """The key, on a POST whose view keeps keys."""
        return [_KEY] if self._wants_key() else []

    def get_tags(self) -> list[str]:
        """The app that answers."""
        return [type(self.view).__module__.partition(".")[0]]

    def _wants_key(self) -> bool:
        return self.method == "POST" and idempotency.is_idempotent(self.view)

    def _problems(self) -> dict[str, str]:
        problems = dict(_ALWAYS)
        if self.get_auth():
            problems |= {"401": "Sign in.", "403": "Not with this role."}
        if "{" in self.path or self._is_list_view():
            problems["404"] = "No such thing, or not yours to see."
        if self._is_list_view():
            problems["422"] = "The query asks for something that can't be."
        if self.method in ("POST", "PUT"):
            problems |= {
                "409": "Something stands in the way right now.",
                "413": "The body is too large.",
                "415": "The body is in no format that we read.",
                "422": "The body says something that can't be done.",
            }
        problems |= getattr(self.view, "problems", {}).get(self.method, {})
        if any(one["name"] == versions.IF_MATCH.name for one in self._get_parameters()):
            problems["412"] = "It has changed since you looked."
        return problems

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for code, told in self._problems().items():
            if code not in bodies:
                problem = OpenApiResponse(Problem, description=told)
                bodies[code] = self._get_response_for_code(  # type: ignore[no-untyped-call]
                    problem, code, [MEDIA_TYPE], direction
                )
        return bodies
