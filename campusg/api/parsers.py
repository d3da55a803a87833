"""Reading bodies: no more than DATA_UPLOAD_MAX_MEMORY_SIZE, and no JSON that exhausts the stack."""

from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework import parsers
from rest_framework.exceptions import ParseError


class _Bounded(parsers.BaseParser):
    """REST framework reads the stream itself, past Django's own limit.

    The header is enough: a WSGI request is never read beyond its Content-Length.
    """

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Any = None,
    ) -> Any:
        length = int(parser_context["request"].META.get("CONTENT_LENGTH") or 0)
        if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("JSON parse error - nested too deeply") from error


class JSONParser(_Bounded, parsers.JSONParser):
    """application/json."""


class FormParser(_Bounded, parsers.FormParser):
    """application/x-www-form-urlencoded."""


class MultiPartParser(_Bounded, parsers.MultiPartParser):
    """multipart/form-data, as the browsable API's forms send it."""
