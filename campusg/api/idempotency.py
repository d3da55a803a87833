"""Idempotency-Key: the same request twice is the same work once, and the same answer twice.

One transaction holds the key, the work and the stored answer (docs/decisions/0006). The draft:
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import functools
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection
from django.http import QueryDict
from psycopg2.errorcodes import LOCK_NOT_AVAILABLE
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.encoders import JSONEncoder

from campusg.api.models import IdempotencyKey
from campusg.conflicts import in_transaction
from campusg.errors import Conflict, Refused

HEADER = "Idempotency-Key"
#: How a form of the browsable API carries the key; forms can't set headers.
FORM_FIELD = "_idempotency_key"
KEPT_HOURS = 72
PATTERN = r"[A-Za-z0-9_.:-]{16,255}"
_MARK = "is_idempotent"

# One round trip. The insert waits for whoever holds the same key, but not for long; the other
# waits of this transaction keep the session's patience. Each statement has its own snapshot
# (READ COMMITTED), so the SELECT sees what the insert waited for.
_CLAIM = """
SET LOCAL lock_timeout = '2s';
INSERT INTO api_idempotencykey (user_id, route, key, fingerprint, location)
VALUES (%(user)s, %(route)s, %(key)s, %(fingerprint)s, '')
ON CONFLICT (user_id, route, key) DO NOTHING;
SET LOCAL lock_timeout TO DEFAULT;
SELECT id, fingerprint, status_code, location, body::text FROM api_idempotencykey
 WHERE user_id = %(user)s AND route = %(route)s AND key = %(key)s
"""

_PURGE = """
DELETE FROM api_idempotencykey WHERE id IN (
    SELECT id FROM api_idempotencykey
     WHERE created_at < statement_timestamp() - make_interval(hours => %s)
     ORDER BY created_at LIMIT %s FOR UPDATE SKIP LOCKED)
"""


class IdempotencyKeyMissing(Refused):
    """This request changes something, so it needs an Idempotency-Key."""

    code = "idempotency_key_missing"
    status = 400


class IdempotencyKeyMalformed(Refused):
    """A key is 16 to 255 letters, digits, and any of `_ . : -`."""

    code = "idempotency_key_malformed"
    status = 400


class IdempotencyKeyReused(Refused):
    """The key was used for a request that said something else."""

    code = "idempotency_key_reused"
    status = 422


class IdempotencyKeyInUse(Conflict):
    """A request with this key is still being answered."""

    code = "idempotency_key_in_use"
    retry_after = 1


Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Make a view's method do its work once per user, path and key, in one transaction.

    The method refuses by raising, which takes the key back too: a corrected request may use it
    again. Raises the four errors above.
    """

    @functools.wraps(handler)
    def once(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = _key(request)

        def answer() -> Response:
            row, fresh = _claim(request, key)
            if not fresh:
                return _replay(row)
            response = handler(view, request, *args, **kwargs)
            _store(row, response)
            return response

        return in_transaction(answer)

    setattr(once, _MARK, True)
    return once


def is_idempotent(view: Any) -> bool:
    """Whether one of the view's methods wants a key."""
    return any(
        hasattr(member, _MARK) for kind in type(view).__mro__ for member in vars(kind).values()
    )


def purge(batch: int = 5_000) -> int:
    """Forget up to `batch` keys older than KEPT_HOURS; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(_PURGE, [KEPT_HOURS, batch])
        gone: int = cursor.rowcount
    return gone


def _key(request: Request) -> str:
    given = request.headers.get(HEADER)
    if given is None and isinstance(request.data, QueryDict):
        given = request.data.get(FORM_FIELD)
    if not given:
        raise IdempotencyKeyMissing(f"Send an {HEADER} header.", field=HEADER)
    # The draft makes it a structured string, in quotes; hardly any client does.
    key = given[1:-1] if len(given) > 1 and given[0] == given[-1] == '"' else given
    if not re.fullmatch(PATTERN, key):
        told = "A key is 16 to 255 letters, digits, and any of _ . : -"
        raise IdempotencyKeyMalformed(told, field=HEADER)
    return key


def _claim(request: Request, key: str) -> tuple[IdempotencyKey, bool]:
    wanted = {
        "user": request.user.pk,
        "route": f"{request.method} {request.path}",
        "key": key,
        "fingerprint": _fingerprint(request.data),
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute(_CLAIM, wanted)
            row = _row(cursor.fetchone())
    except OperationalError as error:
        if getattr(error.__cause__, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        raise IdempotencyKeyInUse("Your first request is still being answered.") from error
    if row.fingerprint != wanted["fingerprint"]:
        raise IdempotencyKeyReused("This key came with another body before.", field=HEADER)
    return row, row.status_code is None


def _row(columns: tuple[Any, ...]) -> IdempotencyKey:
    pk, fingerprint, status_code, location, body = columns
    return IdempotencyKey(
        pk=pk,
        fingerprint=fingerprint,
        status_code=status_code,
        location=location,
        body=json.loads(body) if body else None,
    )


def _fingerprint(data: Any) -> str:
    if isinstance(data, QueryDict):
        own = {"csrfmiddlewaretoken", FORM_FIELD}
        data = {name: values for name, values in data.lists() if name not in own}
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


def _store(row: IdempotencyKey, response: Response) -> None:
    assert response.status_code < 400, "a refusal is raised, so that it takes its key back"
    row.status_code = response.status_code
    row.location = response.get("Location", "")
    row.body = json.loads(json.dumps(response.data, cls=JSONEncoder))
    row.save(update_fields=["status_code", "location", "body"])


def _replay(row: IdempotencyKey) -> Response:
    headers = {"Idempotent-Replayed": "true"}
    if row.location:
        headers["Location"] = row.location
    return Response(row.body, row.status_code, headers=headers)
