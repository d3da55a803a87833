"""What every answer says, whoever gives it: which request it is to, and whether it may be kept."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from campusg.api.errors import is_api, request_id


def labelled(get_response: Callable[[HttpRequest], HttpResponse]) -> object:
    """Put X-Request-Id on every answer, and `no-store` on what the API tells about people."""

    def middleware(request: HttpRequest) -> HttpResponse:
        told = request_id(request)
        response = get_response(request)
        response["X-Request-Id"] = told
        if is_api(request):
            response["Cache-Control"] = "no-store"
        return response

    return middleware
