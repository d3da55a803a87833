"""One sandbox per module; every test finds it without faults and with its default settings."""

from collections.abc import Iterator

import pytest
import stripe

from tests.stripe_sandbox.receiver import Receiver
from tests.stripe_sandbox.running import RunningSandbox


@pytest.fixture(scope="module")
def module_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    running = RunningSandbox(tmp_path_factory.mktemp("stripe"))
    yield running
    running.stop()


@pytest.fixture
def sandbox(module_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    before = module_sandbox.control("GET", "settings")
    yield module_sandbox
    module_sandbox.control("DELETE", "faults")
    module_sandbox.settings(**before)


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[stripe.StripeClient]:
    with sandbox.client() as client:
        yield client


@pytest.fixture
def customer(client: stripe.StripeClient) -> stripe.Customer:
    return client.v1.customers.create({"email": "ana@campus.example"})


@pytest.fixture
def receiver(client: stripe.StripeClient) -> Iterator[Receiver]:
    """Nobody else listens, so that each test counts its own deliveries only."""
    receiver = Receiver()
    yield receiver
    for endpoint in client.v1.webhook_endpoints.list({"limit": 100}).data:
        client.v1.webhook_endpoints.delete(endpoint.id)
    receiver.stop()
