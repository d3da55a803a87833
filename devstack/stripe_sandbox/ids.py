"""Identifiers that look like Stripe's: a prefix and 24 letters and digits."""

import secrets
import string

_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh identifier, for example `pi_3Q…`; 24 of 62 signs never meet twice."""
    return f"{prefix}_{''.join(secrets.choice(_ALPHABET) for _ in range(length))}"
