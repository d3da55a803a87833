"""The double-entry ledger, and what an order holds in it."""
