"""What a refused card leaves open, as steps: it is seen to by a run of its own."""

from uuid import UUID

from sagas.engine import participant
from sagas.engine.starting import conclude, enqueue_many


@participant()
def start(*, order_id: UUID, captured: int) -> None:
    """If nothing could be captured: give the hold back and try the saved card once more."""
    if not captured:
        reason = "The card refused the capture: one new try."
        facts = {"order_id": order_id, "paid_by": "card", "reason": reason}
        enqueue_many("settle_claim", [(str(order_id), facts)])


@participant()
def close(*, order_id: UUID) -> None:
    """End the completion that is parked because of the claim."""
    conclude("complete_order", str(order_id), "The claim is settled.")
