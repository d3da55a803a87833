"""Webhook endpoints: https://docs.stripe.com/api/webhook_endpoints"""

from typing import Any

import pytest
import stripe

from tests.stripe_sandbox.receiver import Receiver


def test_an_endpoint_is_made_changed_and_deleted(
    client: stripe.StripeClient, receiver: Receiver
) -> None:
    made = receiver.register(client, "charge.succeeded", description="ours", metadata={"a": "1"})
    assert made.secret.startswith("whsec_")
    found = client.v1.webhook_endpoints.retrieve(made.id)
    assert "secret" not in found
    assert (found.url, found.status, found.description) == (receiver.url, "enabled", "ours")
    changed = client.v1.webhook_endpoints.update(
        made.id, {"enabled_events": ["charge.failed"], "disabled": True, "metadata": {"a": ""}}
    )
    assert (changed.enabled_events, changed.status) == (["charge.failed"], "disabled")
    assert changed.metadata.to_dict() == {}
    assert [one.id for one in client.v1.webhook_endpoints.list().data] == [made.id]
    assert client.v1.webhook_endpoints.delete(made.id).deleted
    with pytest.raises(stripe.InvalidRequestError) as gone:
        client.v1.webhook_endpoints.retrieve(made.id)
    assert gone.value.http_status == 404


@pytest.mark.parametrize(
    ("wrong", "param"),
    [({"url": "nowhere"}, "url"), ({"enabled_events": ["order.paid"]}, "enabled_events[0]")],
    ids=str,
)
def test_what_is_no_endpoint_is_refused(
    client: stripe.StripeClient, wrong: dict[str, Any], param: str
) -> None:
    wanted: Any = {"url": "https://a.example", "enabled_events": ["*"], **wrong}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.webhook_endpoints.create(wanted)
    assert refused.value.param == param
