"""The faults of an endurance test: of each kind that the sandbox knows some, so that one call in
twenty meets one, and one webhook in ten."""

from devstack.play.sandbox import HELD, HOLDS, PAYMENTS, TRANSFERS, Fault

ANY = {"path": "/v1/*"}
CAPTURES = {"path": "/v1/payment_intents/*/capture"}
#: What is owed is charged anew while nobody is there.
CLAIMS = {"path": "/v1/payment_intents", "param": {"off_session": True}}
LATE = 4.0  # seconds: longer than CampusG waits for an answer
#: A 500 that Stripe says not to be the last word. Without that, one that left no trace of a
#: transfer would be looked for for two days.
NOT_STORED = {"should_retry": True}

FIVE_PERCENT = (
    Fault("latency", ANY, 0.006, {"seconds": LATE}),
    Fault("delay_then_apply", ANY, 0.004, {"seconds": LATE}),
    Fault("drop_request", ANY, 0.007),
    Fault("drop_reply", ANY, 0.008),
    Fault("conflict", ANY, 0.006),
    Fault("rate_limit", ANY, 0.006),
    Fault("error_500", ANY, 0.006, NOT_STORED),
    Fault("stored_500_after", PAYMENTS, 0.005),
    Fault("stored_500_after", TRANSFERS, 0.008),
    Fault("stored_500_before", HOLDS, 0.004),
    Fault("stored_500_before", HELD, 0.004),
    Fault("refuse", HOLDS, 0.008, {"status": 402, "code": "card_declined"}),
    Fault("decline_capture", CAPTURES, 0.012),
    Fault("lapse_at_capture", CAPTURES, 0.003),
    Fault("refuse", CLAIMS, 0.3, {"status": 402, "code": "card_declined"}),
    Fault("webhook_first", ANY, 0.005),
    Fault("webhook_copies", {}, 0.05),
    Fault("webhook_dropped", {}, 0.03),
    Fault("webhook_delayed", {}, 0.03, {"seconds": LATE}),
)
