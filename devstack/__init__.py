"""Development only: the servers CampusG needs, run beside the checkout, nothing installed."""
