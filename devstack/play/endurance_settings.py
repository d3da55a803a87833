"""An endurance test's settings: a play's, for people who order all day, and a bank that is late."""

from devstack.play.settings import *  # noqa: F403

# One fault is an answer that comes later than this.
STRIPE_TIMEOUT_SECONDS = (1.0, 3.0)
UNPAID_ORDERS_MAX = 1000
