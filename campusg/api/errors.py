"""Every error of the API as RFC 9457 problem details: what went wrong, which field, what to do."""

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.serializer_helpers import ReturnDict
from rest_framework.views import set_rollback

from campusg.errors import CampusGError
from campusg.ids import new_id

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")


@dataclass(frozen=True)
class Problem:
    """One problem before it is told to a particular request."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)

    def told(self, request: HttpRequest | Request) -> dict[str, Any]:
        """The members of RFC 9457 §3.1, and ours: code, field, errors, request_id."""
        return {
            "type": f"/problems/{self.code}",
            "title": title_of(self.code),
            "status": self.status,
            "detail": self.detail,
            "instance": request.path,
            "code": self.code,
            "field": self.errors[0]["field"] if self.errors else None,
            "errors": self.errors,
            "request_id": request_id(request),
        }


def title_of(code: str) -> str:
    """The code as people read it; the same for every occurrence (RFC 9457 §3.1.3)."""
    return code.replace("_", " ").capitalize()


def request_id(request: HttpRequest | Request) -> str:
    """The client's X-Request-Id if it is a decent one, else an id of our own; one per request."""
    given: str = request.META.setdefault("HTTP_X_REQUEST_ID", "")
    if not _REQUEST_ID.fullmatch(given):
        request.META["HTTP_X_REQUEST_ID"] = given = new_id().hex
    return given


def handle(exception: Exception, context: Mapping[str, Any]) -> Response:
    """REST framework's exception handler: no exception leaves the API in any other form."""
    request: Request = context["request"]
    problem = problem_of(exception)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.error("request %s failed", request_id(request), exc_info=exception)
    set_rollback()
    body: dict[str, Any] = problem.told(request)
    serializer = getattr(getattr(exception, "detail", None), "serializer", None)
    if serializer is not None:
        # The browsable page shows the form again as it was filled in.
        body = ReturnDict(body, serializer=serializer)
    response = Response(body, problem.status, headers=problem.headers)
    if getattr(getattr(request, "accepted_renderer", None), "format", "") != "api":
        response.content_type = MEDIA_TYPE
    return response


def problem_of(exception: Exception) -> Problem:
    """What a client may know of an exception: never a stack, never what a third party said."""
    match exception:
        case CampusGError():
            return _ours(exception)
        case exceptions.ValidationError():
            return _invalid(exception)
        case Http404():
            return problem_of(exceptions.NotFound())
        case PermissionDenied():
            return problem_of(exceptions.PermissionDenied())
        case exceptions.APIException():
            return _frameworks(exception)
        case RequestDataTooBig():
            return Problem(413, "too_large", "The body is too large.")
        case SuspiciousOperation():
            return Problem(400, "bad_request", "The request is malformed.")
        case OperationalError() | InterfaceError():
            again = {"Retry-After": "1"}
            return Problem(503, "unavailable", "Not now; try again.", headers=again)
    return Problem(500, "internal_error", "Something went wrong on our side.")


def _ours(error: CampusGError) -> Problem:
    detail = str(error)
    if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
        # Its message is for operators and may quote Stripe.
        detail = "This needs a person on our side."
    errors = [{"field": error.field, "code": error.code, "detail": detail}] if error.field else []
    wait = getattr(error, "retry_after", 1 if error.status == 503 else None)
    headers = {"Retry-After": str(wait)} if wait else {}
    return Problem(error.status, error.code, detail, errors, headers)


def _invalid(error: exceptions.ValidationError) -> Problem:
    """422 (RFC 9110 §15.5.21): the body could be read, what it says can't be done."""
    errors = list(_leaves(error.get_full_details()))
    told = "; ".join(f"{e['field']}: {e['detail']}" if e["field"] else e["detail"] for e in errors)
    return Problem(422, "validation_failed", told, errors)


def _leaves(details: Any, path: tuple[str, ...] = ()) -> Iterator[dict[str, str]]:
    if isinstance(details, dict) and isinstance(details.get("message"), str):
        name = ".".join(part for part in path if part != "non_field_errors")
        yield {"field": name, "code": details["code"], "detail": details["message"]}
    elif isinstance(details, dict):
        for key, inner in details.items():
            yield from _leaves(inner, (*path, str(key)))
    else:
        for at, inner in enumerate(details):
            leaf = isinstance(inner, dict) and isinstance(inner.get("message"), str)
            yield from _leaves(inner, path if leaf else (*path, str(at)))


def _frameworks(error: exceptions.APIException) -> Problem:
    details: Any = error.get_full_details()
    if "message" not in details:
        # simplejwt wraps its one message in a mapping.
        details = {"message": details["detail"]["message"], "code": details["code"]["message"]}
    headers = {}
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = str(error.auth_header)  # type: ignore[attr-defined]
    if getattr(error, "wait", None):
        headers["Retry-After"] = str(error.wait)  # type: ignore[attr-defined]
    code = str(details["code"])
    return Problem(error.status_code, code, str(details["message"]), headers=headers)


def _answer(request: HttpRequest, problem: Problem) -> HttpResponse:
    return JsonResponse(
        problem.told(request),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400, for what fails before a view of the API is reached."""
    if is_api(request):
        return _answer(request, problem_of(exception))
    return defaults.bad_request(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404."""
    if is_api(request):
        return _answer(request, problem_of(Http404()))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500, for what fails while an answer of the API is rendered."""
    if is_api(request):
        return _answer(request, problem_of(Exception()))
    return defaults.server_error(request)


def is_api(request: HttpRequest) -> bool:
    """Whether programs ask, not people."""
    return request.path.startswith("/api/")
