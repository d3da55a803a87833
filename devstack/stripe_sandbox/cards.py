"""Stripe's published test cards, by number, by payment method and by token.

https://docs.stripe.com/testing#cards
https://docs.stripe.com/testing#declined-payments
"""

import hashlib
from dataclasses import dataclass, replace

from devstack.stripe_sandbox.errors import ApiError

DECLINED = "Your card was declined."


@dataclass(frozen=True)
class TestCard:
    """One test card; with a `code`, a charge of it is declined with that code.

    https://docs.stripe.com/testing#refunds
    https://docs.stripe.com/testing#available-balance
    """

    number: str
    name: str  # the well-known payment method is pm_card_<name>, the token tok_<name>
    brand: str = "visa"
    code: str | None = None
    decline_code: str | None = None
    message: str = DECLINED
    attaches: bool = True
    refund: str = ""  # what becomes of its refunds later: "fails" or "waits", then succeeds
    bypasses_pending: bool = False
    # What its bank does after the charge was captured: "chargeback", "not_received", "inquiry" or
    # "warning". https://docs.stripe.com/testing#disputes
    afterwards: str = ""
    # When its bank wants 3-D Secure: "always", "unless_set_up", or "on_session" only.
    # https://docs.stripe.com/testing#regulatory-cards
    authenticates: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for every payment method made of one card number."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


_CARDS = (
    TestCard("4242424242424242", "visa"),
    TestCard("5555555555554444", "mastercard", "mastercard"),
    TestCard("4000000000000077", "bypassPending", bypasses_pending=True),
    TestCard("4000000000000259", "createDispute", afterwards="chargeback"),
    TestCard("4000000000002685", "createDisputeProductNotReceived", afterwards="not_received"),
    TestCard("4000000000001976", "createDisputeInquiry", afterwards="inquiry"),
    TestCard("4000000000005423", "createIssuerFraudRecord", afterwards="warning"),
    TestCard("4000000000005126", "refundFail", refund="fails"),
    TestCard("4000000000007726", "pendingRefund", refund="waits"),
    TestCard(
        "4000000000000341",
        "chargeCustomerFail",
        code="card_declined",
        decline_code="generic_decline",
    ),
    TestCard(
        "4000000000000002",
        "visa_chargeDeclined",
        code="card_declined",
        decline_code="generic_decline",
        attaches=False,
    ),
    TestCard(
        "4000000000009995",
        "visa_chargeDeclinedInsufficientFunds",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
        attaches=False,
    ),
    TestCard(
        "4000000000009987",
        "visa_chargeDeclinedLostCard",
        code="card_declined",
        decline_code="lost_card",
        attaches=False,
    ),
    TestCard(
        "4000000000009979",
        "visa_chargeDeclinedStolenCard",
        code="card_declined",
        decline_code="stolen_card",
        attaches=False,
    ),
    TestCard(
        "4000000000000069",
        "chargeDeclinedExpiredCard",
        code="expired_card",
        decline_code="expired_card",
        message="Your card has expired.",
        attaches=False,
    ),
    TestCard(
        "4000000000000127",
        "chargeDeclinedIncorrectCvc",
        code="incorrect_cvc",
        decline_code="incorrect_cvc",
        message="Your card's security code is incorrect.",
        attaches=False,
    ),
    TestCard(
        "4000000000000119",
        "chargeDeclinedProcessingError",
        code="processing_error",
        decline_code="processing_error",
        message="An error occurred while processing your card. Try again in a little bit.",
        attaches=False,
    ),
    # https://docs.stripe.com/testing#regulatory-cards
    TestCard("4000002500003155", "authenticationRequiredOnSetup", authenticates="unless_set_up"),
    TestCard("4000002760003184", "authenticationRequired", authenticates="always"),
    TestCard(
        "4000003800000446", "authenticationRequiredSetupForOffSession", authenticates="on_session"
    ),
    TestCard(
        "4000008260003178",
        "authenticationRequiredChargeDeclinedInsufficientFunds",
        code="card_declined",
        decline_code="insufficient_funds",
        message="Your card has insufficient funds.",
        authenticates="always",
    ),
    TestCard("4000000000003220", "threeDSecure2Required", authenticates="always"),
    TestCard(
        "4000008400001629",
        "threeDSecureRequiredChargeDeclined",
        code="card_declined",
        decline_code="generic_decline",
        authenticates="always",
    ),
)
_BY_NUMBER = {card.number: card for card in _CARDS}
_BY_FINGERPRINT = {card.fingerprint: card for card in _CARDS}
WELL_KNOWN = {f"pm_card_{card.name}": card for card in _CARDS}
TOKENS = {f"tok_{card.name}": card for card in _CARDS}


def by_number(number: str) -> TestCard:
    """The test card of that number; raises ApiError 402 as Stripe does for any other in test mode.

    https://docs.stripe.com/declines/codes (`testmode_decline`, `incorrect_number`)
    """
    digits = number.replace(" ", "").replace("-", "")
    if digits in _BY_NUMBER:
        return _BY_NUMBER[digits]
    if not _luhn(digits):
        raise ApiError(
            402,
            "Your card number is incorrect.",
            kind="card_error",
            code="incorrect_number",
            param="number",
        )
    raise ApiError(
        402,
        "Your card was declined. Your request was in test mode, but used a non test card. "
        "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
        kind="card_error",
        code="card_declined",
        decline_code="test_mode_live_card",
    )


def by_fingerprint(fingerprint: str) -> TestCard:
    """The test card that a stored payment method was made of."""
    return _BY_FINGERPRINT[fingerprint]


def unauthenticated(card: TestCard) -> TestCard:
    """The card as its bank answers when authentication is wanted and nobody is there to give it.

    https://docs.stripe.com/declines/codes (`authentication_required`)
    """
    return replace(
        card,
        code="authentication_required",
        decline_code="authentication_required",
        message="Your card was declined. This transaction requires authentication.",
    )


def _luhn(digits: str) -> bool:
    if not digits.isdigit() or not 12 <= len(digits) <= 19:
        return False
    doubled = [int(d) * (1 + i % 2) for i, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0
