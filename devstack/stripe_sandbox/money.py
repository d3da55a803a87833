"""Which amounts Stripe takes: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts"""

from devstack.stripe_sandbox.errors import InvalidRequest, RefusedParameter

# The published minimum charge per currency, in minor units; the sandbox takes no other currency.
MINIMUM = {
    "aed": 200, "aud": 50, "bgn": 100, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250,
    "eur": 50, "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "mxn": 1000,
    "myr": 200, "nok": 300, "nzd": 50, "pln": 200, "ron": 200, "sek": 300, "sgd": 50,
    "thb": 1000, "usd": 50,
}  # fmt: skip
MAXIMUM = 99_999_999


def check_amount(amount: int, currency: str) -> None:
    """Raises RefusedParameter or InvalidRequest for minor units that Stripe would refuse."""
    if currency not in MINIMUM:
        raise RefusedParameter(
            f"Invalid currency: {currency}. This sandbox supports: {', '.join(MINIMUM)}",
            param="currency",
        )
    at_least_one(amount, "amount")
    if amount < MINIMUM[currency]:
        raise InvalidRequest(
            f"Amount must be at least {MINIMUM[currency]} {currency} (minor units).",
            "amount_too_small",
            "amount",
        )
    if amount > MAXIMUM:
        raise InvalidRequest(
            f"Amount must be no more than {MAXIMUM} {currency} (minor units).",
            "amount_too_large",
            "amount",
        )


def at_least_one(amount: int, param: str) -> int:
    """The amount itself. Raises RefusedParameter below one minor unit."""
    if amount < 1:
        raise RefusedParameter(
            "This value must be greater than or equal to 1.", "parameter_invalid_integer", param
        )
    return amount


def spoken(amount: int, currency: str) -> str:
    """Minor units as Stripe's messages say them: $16.00, ¥1600, 16.00 CHF."""
    number = str(amount) if currency in _WHOLE else f"{amount // 100}.{amount % 100:02}"
    sign = _SIGNS.get(currency)
    return f"{sign}{number}" if sign else f"{number} {currency.upper()}"


_SIGNS = {"eur": "€", "gbp": "£", "jpy": "¥", "usd": "$"}
# https://docs.stripe.com/currencies#zero-decimal (of those above)
_WHOLE = {"jpy"}
