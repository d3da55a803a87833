"""The sandbox as a process: how it starts, who it lets in, how it ends."""

import base64
import signal
import socket
from pathlib import Path

import pytest

from devstack.state import free_port
from tests.stripe_sandbox.running import KEY, RunningSandbox, launch


@pytest.mark.parametrize(
    "authorization",
    [f"Bearer {KEY}", "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()],
    ids=["bearer", "basic"],
)
def test_a_secret_test_key_is_let_in(sandbox: RunningSandbox, authorization: str) -> None:
    headers = {"Authorization": authorization, "Stripe-Version": "2026-10-28.endive"}
    status, replied, _ = sandbox.raw("GET", "/v1/customers", headers=headers)
    assert status == 200
    assert replied["Stripe-Version"] == "2026-10-28.endive"
    assert replied["Request-Id"].startswith("req_")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer sk_live_1234"},
        {"Authorization": "Bearer pk_test_1234"},
        {"Authorization": "Basic ???"},
    ],
    ids=["nothing", "live key", "publishable key", "no base64"],
)
def test_anybody_else_is_not(sandbox: RunningSandbox, headers: dict[str, str]) -> None:
    status, replied, answer = sandbox.raw("POST", "/v1/customers", b"", headers)
    assert (status, answer["error"]["type"]) == (401, "invalid_request_error")
    assert replied["Request-Id"].startswith("req_")


def test_requests_are_counted_by_route_and_status(sandbox: RunningSandbox) -> None:
    before = sandbox.control("GET", "totals")["requests"].get("GET /v1/charges/:id 404", 0)
    for name in ("ch_1", "ch_2"):
        sandbox.raw("GET", f"/v1/charges/{name}", headers={"Authorization": f"Bearer {KEY}"})
    after = sandbox.control("GET", "totals")["requests"]["GET /v1/charges/:id 404"]
    assert after == before + 2


def test_the_page_shows_what_is_here_and_nothing_as_markup(sandbox: RunningSandbox) -> None:
    sandbox.fault("latency", match={"path": "<script>"})
    status, replied, page = sandbox.raw("GET", "/")
    assert (status, replied["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "&lt;script&gt;" in page
    assert "<script>" not in page


def test_faults_settings_and_counts_outlive_a_kill(tmp_path: Path) -> None:
    sandbox = RunningSandbox(tmp_path)
    sandbox.settings(latency_ms=3, seed=9)
    sandbox.fault("latency", match={"path": "/v1/refunds"}, times=4)
    sandbox.raw("GET", "/v1/customers")
    asked = ("settings", "faults", "totals")
    before = [sandbox.control("GET", name) for name in asked]
    sandbox.stop(signal.SIGKILL)
    again = RunningSandbox(tmp_path)
    after = [again.control("GET", name) for name in asked]
    again.stop()
    assert after == before


def test_a_taken_port_is_told_in_one_sentence(sandbox: RunningSandbox, tmp_path: Path) -> None:
    second = launch(sandbox.port, tmp_path)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert said == (
        f"Stripe sandbox: 127.0.0.1:{sandbox.port} is taken by another program; "
        "choose another --port.\n"
    )


def test_one_state_has_one_sandbox(sandbox: RunningSandbox) -> None:
    second = launch(free_port(), sandbox.state)
    _, said = second.communicate(timeout=60)
    assert second.returncode == 2
    assert (
        said == f"Stripe sandbox: another sandbox already runs on the state in {sandbox.state}.\n"
    )


def test_it_stops_at_once_even_with_a_connection_open_and_a_request_waiting(
    tmp_path: Path,
) -> None:
    sandbox = RunningSandbox(tmp_path)
    sandbox.settings(latency_ms=60_000)
    address = ("127.0.0.1", sandbox.port)
    head = f"GET /v1/customers HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    with socket.create_connection(address), socket.create_connection(address) as waiting:
        waiting.sendall(head.encode())
        # The request would wait for a minute; stop() allows ten seconds, for a busy machine.
        assert sandbox.stop() == 0
