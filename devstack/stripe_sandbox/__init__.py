"""A stateful HTTP server for the part of Stripe that CampusG uses; development only."""
