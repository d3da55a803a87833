"""The soak: an hour of orders, one call to Stripe in twenty going wrong, a worker killed each half
minute; then the proof."""
