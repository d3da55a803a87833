"""Requests are held against the parameter types that Stripe's library publishes."""

from typing import Any

import pytest
import stripe

from devstack.stripe_sandbox.errors import RefusedParameter
from devstack.stripe_sandbox.forms import nest, pairs
from tests.stripe_sandbox.running import KEY, ONE_HOLD, RunningSandbox

AUTHORIZED = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"shipping": {"weight": 3}}, "parameter_unknown", "shipping[weight]"),
        ({"idempotency_key": "k"}, "parameter_unknown", "idempotency_key"),
        (
            {"payment_method_types": ["card"]},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        ({"amount": "ten"}, "parameter_invalid_integer", "amount"),
        ({"amount": 10.5}, "parameter_invalid_integer", "amount"),
        ({"amount": [1600]}, "parameter_invalid_integer", "amount"),
        ({"currency": ""}, "parameter_invalid_empty", "currency"),
        ({"currency": {"code": "usd"}}, None, "currency"),
        ({"confirm": "perhaps"}, None, "confirm"),
        ({"off_session": "sometimes"}, None, "off_session"),
        ({"capture_method": "later"}, None, "capture_method"),
        ({"metadata": "all"}, None, "metadata"),
        ({"metadata": {"a": {"b": "c"}}}, None, "metadata[a]"),
        ({"expand": "customer"}, None, "expand"),
        (
            {"automatic_payment_methods": {"enabled": "on"}},
            None,
            "automatic_payment_methods[enabled]",
        ),
        ({"shipping": {"name": "Bo"}}, "parameter_missing", "shipping[address]"),
        ({"allowed_payment_method_types": ["cash"]}, None, "allowed_payment_method_types[0]"),
        ({"transfer_data": {"destination": "acct_1"}}, None, "transfer_data"),
    ],
    ids=str,
)
def test_a_parameter_that_stripe_would_refuse_is_refused(
    client: stripe.StripeClient, change: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create({**ONE_HOLD, **change})
    assert refused.value.http_status == 400
    assert (refused.value.code, refused.value.param) == (code, param)


@pytest.mark.parametrize("missing", ["amount", "currency"])
def test_a_required_parameter_is_required(client: stripe.StripeClient, missing: str) -> None:
    rest = {name: value for name, value in ONE_HOLD.items() if name != missing}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create(rest)
    assert (refused.value.code, refused.value.param) == ("parameter_missing", missing)


def test_an_unknown_filter_is_refused(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.list({"status": "canceled"})
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "status")


@pytest.mark.parametrize(
    ("encoded", "tree"),
    [
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a[b][c]=1&a[b][d]=2", {"a": {"b": {"c": "1", "d": "2"}}}),
        ("a[0]=x&a[1]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[0][b]=%C3%A9+%26", {"a": {"0": {"b": "é &"}}}),
        ("a=1&a=2", {"a": "2"}),
    ],
)
def test_nested_form_names_become_trees(encoded: str, tree: dict[str, Any]) -> None:
    assert nest(pairs(encoded)) == tree


@pytest.mark.parametrize(
    "encoded", ["a=1&a[b]=2", "a[b]=2&a=1", "a[b=1", "[a]=1", "a" + "[b]" * 20 + "=1", "a=%FF"]
)
def test_what_is_no_form_is_refused(encoded: str) -> None:
    with pytest.raises(RefusedParameter):
        nest(pairs(encoded))


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b'{"email": "x"}', "application/json"), (b"\xff", "application/x-www-form-urlencoded")],
    ids=["JSON", "no UTF-8"],
)
def test_a_body_of_another_kind_is_refused(sandbox: RunningSandbox, body: bytes, kind: str) -> None:
    headers = {**AUTHORIZED, "Content-Type": kind}
    status, _, answer = sandbox.raw("POST", "/v1/customers", body, headers)
    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")


def test_a_route_that_is_not_here_is_unrecognized(sandbox: RunningSandbox) -> None:
    status, _, answer = sandbox.raw("POST", "/v1/invoices", b"", AUTHORIZED)
    assert status == 404
    assert answer["error"]["message"].startswith("Unrecognized request URL (POST: /v1/invoices)")
