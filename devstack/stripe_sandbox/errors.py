"""Stripe's error shape, and the errors that more than one part of the sandbox answers with.

https://docs.stripe.com/api/errors
https://docs.stripe.com/error-codes
"""

from collections.abc import Mapping
from typing import Any


class ApiError(Exception):
    """An answer other than 200, with the body that Stripe documents for it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        error: dict[str, Any] = {"message": message, "type": kind}
        if code:
            error["code"] = code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
        if param:
            error["param"] = param
        self.error = error | more

    @property
    def body(self) -> dict[str, Any]:
        return {"error": self.error}


class InvalidRequest(ApiError):
    """400 `invalid_request_error`."""

    def __init__(
        self, message: str, code: str | None = None, param: str | None = None, **more: Any
    ) -> None:
        super().__init__(400, message, code=code, param=param, **more)


class RefusedParameter(InvalidRequest):
    """A parameter that fails validation: the endpoint never starts, so no key remembers it.

    https://docs.stripe.com/api/idempotent_requests
    """


# Stripe's messages name most kinds as its URLs do, and this one as its libraries do.
_SPOKEN = {"payment_method": "PaymentMethod"}


class ResourceMissing(ApiError):
    """`resource_missing`: 404 for the object that the path names, 400 for one in a parameter.

    https://docs.stripe.com/error-codes#resource-missing
    """

    def __init__(self, kind: str, name: str, param: str, *, in_path: bool = False) -> None:
        super().__init__(
            404 if in_path else 400,
            f"No such {_SPOKEN.get(kind, kind)}: '{name}'",
            code="resource_missing",
            param=param,
        )


class UnknownUrl(ApiError):
    """404 for a route that the sandbox does not have, in the words that Stripe uses."""

    def __init__(self, method: str, path: str) -> None:
        super().__init__(404, f"Unrecognized request URL ({method}: {path}).")


class NotAuthenticated(ApiError):
    """401: https://docs.stripe.com/api/authentication"""

    def __init__(self, message: str) -> None:
        super().__init__(401, message, headers={"WWW-Authenticate": 'Basic realm="Stripe"'})


class NoAccess(ApiError):
    """403 for a connected account that is unknown, or that has left the platform.

    https://docs.stripe.com/error-codes#account-invalid
    """

    def __init__(self, account: str) -> None:
        super().__init__(
            403,
            f"The provided key 'sk_test_***' does not have access to account '{account}' (or that "
            "account does not exist). Application access may have been revoked.",
            code="account_invalid",
        )


class RateLimited(ApiError):
    """429, either `rate_limit` or `lock_timeout`; https://docs.stripe.com/rate-limits"""

    def __init__(self, code: str = "rate_limit", reason: str = "global-rate") -> None:
        lock = code == "lock_timeout"
        super().__init__(
            429,
            "This object cannot be accessed right now because another API request or Stripe "
            "process is currently accessing it."
            if lock
            else "Request rate limit exceeded.",
            code=code,
            headers={} if lock else {"Stripe-Rate-Limited-Reason": reason},
        )


class KeyInUse(ApiError):
    """409 for a key whose first request still runs.

    https://docs.stripe.com/error-codes#idempotency-key-in-use
    """

    def __init__(self, key: str) -> None:
        super().__init__(
            409,
            "There is currently another in-progress request using this Idempotent Key (that "
            "probably means you submitted twice, and the other request is still going through): "
            f"{key}. Please try again later.",
            kind="idempotency_error",
            code="idempotency_key_in_use",
        )


class KeyMisused(ApiError):
    """400 for a key used again with another endpoint or other parameters.

    https://docs.stripe.com/api/idempotent_requests
    """

    def __init__(self, key: str, what: str) -> None:
        super().__init__(
            400,
            f"Keys for idempotent requests can only be used {what} they were first used with. "
            f"Try using a key other than '{key}' if you meant to execute a different request.",
            kind="idempotency_error",
        )


class ServerError(ApiError):
    """500 `api_error`: https://docs.stripe.com/error-low-level#server-errors"""

    def __init__(self) -> None:
        super().__init__(
            500,
            "An unknown error occurred, and has been reported to the sandbox's log.",
            kind="api_error",
        )


class CardDeclined(ApiError):
    """402 after an attempt that failed: https://docs.stripe.com/declines/codes"""

    def __init__(self, error: Mapping[str, Any]) -> None:
        fields = {name: value for name, value in error.items() if name != "doc_url"}
        super().__init__(402, fields.pop("message"), kind=fields.pop("type"), **fields)
