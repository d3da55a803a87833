"""Clients of the API, signed in as somebody."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from campusg.api.problems import kinds
from campusg.ids import new_id
from tests.api.world import a_runner
from tests.factories import a_customer
from users.models import User


class Client(APIClient):
    """A client that sends a fresh Idempotency-Key unless told otherwise, and speaks JSON."""

    def __init__(self, user: User | None = None) -> None:
        super().__init__(raise_request_exception=False)
        if user is not None:
            self.force_authenticate(user)

    def send(self, method: str, url: str, body: Any, key: str | None = None, **headers: str) -> Any:
        """Any request that changes something."""
        headers["Idempotency-Key"] = key or new_id().hex
        ask = getattr(self, method.lower())
        return ask(url, body, format="json", headers=headers)

    def order(self, body: Any, key: str | None = None, **headers: str) -> Any:
        """POST /api/orders."""
        return self.send("POST", "/api/orders", body, key, **headers)

    def act(self, order_id: Any, act: str, body: Any = None, **headers: str) -> Any:
        """POST /api/orders/{id}/{act}."""
        return self.send("POST", f"/api/orders/{order_id}/{act}", body or {}, **headers)


def problem(response: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The body of a response that must be this problem, complete and with nothing to hide."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert (body["code"], body["type"]) == (code, f"/problems/{code}")
    assert (body["status"], body["field"]) == (status, field)
    assert body["title"] == kinds()[code].title, "the type has no page"
    assert body["detail"]
    assert body["instance"].startswith("/api/")
    assert body["request_id"] == response["X-Request-Id"]
    assert "Traceback" not in response.content.decode()
    return body


@pytest.fixture
def customer() -> User:
    return a_customer()


@pytest.fixture
def runner() -> User:
    return a_runner()
