"""An HTTP request and its reply, and what is read out of a request before anything is done."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field

import stripe

from devstack.stripe_sandbox.errors import NotAuthenticated, RefusedParameter
from devstack.stripe_sandbox.forms import pairs


@dataclass(frozen=True)
class Request:
    """An HTTP request, read whole; the names of `headers` are lower-case."""

    method: str
    path: str
    query: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class Reply:
    """An HTTP reply."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"


class HangUp(Exception):
    """The connection is reset instead of answered."""


def version_of(request: Request) -> str:
    """The version that the reply is rendered as; https://docs.stripe.com/api/versioning"""
    version: str = stripe.api_version
    return request.headers.get("stripe-version", version)


def form_of(request: Request) -> list[tuple[str, str]]:
    """The body's parameters. Raises RefusedParameter for a body that is no form."""
    if not request.body:
        return []
    if request.headers.get("content-type", "").startswith("application/json"):
        raise RefusedParameter(
            "Invalid request (check that your POST content type is "
            "application/x-www-form-urlencoded)."
        )
    try:
        return pairs(request.body.decode())
    except UnicodeDecodeError as error:
        raise RefusedParameter("Invalid UTF-8 in the request body.") from error


def authenticate(header: str) -> None:
    """Takes any secret test key, as bearer or basic; https://docs.stripe.com/api/authentication"""
    scheme, _, secret = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            secret = base64.b64decode(secret, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            secret = ""
    if not secret:
        raise NotAuthenticated(
            "You did not provide an API key. You need to provide your API key in the Authorization "
            "header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
    if not secret.startswith(("sk_test_", "rk_test_")):
        raise NotAuthenticated(f"Invalid API Key provided: {secret[:8]}{'*' * 8}")
