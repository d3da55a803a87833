"""The crash test's settings: every message a step's own, no broker between, no wait longer than
it has to be."""

from campusg.env import env
from campusg.settings.local import *  # noqa: F403

CAMPUSG_ENV = "crashtest"
DEBUG = False
# What is published goes nowhere: the test delivers by itself, so that it knows what is delivered.
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT = None
CELERY_BROKER_TRANSPORT_OPTIONS = {}
# One message a step, so that every step can be cut off from the next.
SAGA_FAST_PATH = env.str("SAGA_FAST_PATH", "off")
SAGA_RETRY_SCALE = 0.05
STRIPE_RETRY_SCALE = 0.02
# On a busy machine the matrix takes an hour, and the last worker fires what is due by then.
ORDER_TIMEOUT_SECONDS = DELIVERY_REMINDER_SECONDS = ESCROW_TIMEOUT_SECONDS = 24 * 3600.0
# All orders are one customer's.
UNPAID_ORDERS_MAX = 100_000
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
LOGGING = {"version": 1, "root": {"level": "CRITICAL"}}
