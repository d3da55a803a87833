"""One module per Stripe resource: its routes, its rules and the shape of its object."""
