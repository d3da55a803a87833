"""Data of events as the services record it, for tests that need any event at all."""

from typing import Any

from campusg.ids import new_id


def order_facts(status: str = "CREATED", **changes: Any) -> dict[str, Any]:
    """What every event about an order says."""
    return {
        "status": status,
        "customer_id": new_id(),
        "restaurant_id": new_id(),
        "runner_id": None,
        "total": 1699,
        "currency": "USD",
    } | changes
