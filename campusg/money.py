"""Money is an integer of minor units (cents) and an ISO 4217 code; it never becomes a float."""

from django.core.exceptions import ValidationError
from django.db import models

#: Currencies the campus trades in, with their decimal places (ISO 4217).
EXPONENTS = {"EUR": 2, "GBP": 2, "SGD": 2, "USD": 2}
CURRENCIES = tuple(EXPONENTS)


def formatted(amount: int, currency: str) -> str:
    """`1099, "USD"` -> `"10.99 USD"`, for people only; amounts are computed in minor units."""
    places = EXPONENTS.get(currency, 2)
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 10**places)
    return f"{sign}{whole}{f'.{rest:0{places}d}' if places else ''} {currency}"


def share(amount: int, basis_points: int) -> int:
    """`basis_points` hundredths of a percent of `amount` minor units, rounded up to a whole one."""
    return -(-amount * basis_points // 10_000)


def known_currency(code: str) -> None:
    """Refuse a currency we don't trade in (a Django validator)."""
    if code not in CURRENCIES:
        raise ValidationError(f"{code!r} is not one of {', '.join(CURRENCIES)}.")


class MinorUnitsField(models.BigIntegerField):
    """A bigint of minor units; its currency stands in the row's `currency`."""


class CurrencyField(models.CharField):
    """An ISO 4217 code of a currency we trade in."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("max_length", 3)
        kwargs.setdefault("validators", [known_currency])
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
