"""People: accounts, roles, saved cards, payout accounts."""
