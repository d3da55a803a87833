"""Money at Stripe: one row per intended call, and what became of it."""
