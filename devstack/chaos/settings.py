"""The chaos's settings: an endurance test's, with workers that have children to lose."""

from devstack.play.endurance_settings import *  # noqa: F403

# For Celery `-P prefork` on the command line is no choice, but the default that settings overrule.
CELERY_WORKER_POOL = "prefork"
