"""Identifiers that look like Stripe's: a prefix and letters and digits."""

import secrets


def new_id(prefix: str, length: int = 24) -> str:
    """A fresh identifier, for example `pi_3f2a…`, of 4 random bits for each sign."""
    return f"{prefix}_{secrets.token_hex((length + 1) // 2)[:length]}"
