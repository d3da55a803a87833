"""The test suite: the same code on embedded servers, with shorter waits."""

from campusg.env import env
from campusg.settings.base import *  # noqa: F403

SECRET_KEY = "test-only-and-protects-nothing-0123456789abcdef"
CAMPUSG_ENV = "test"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Every story proves the schemas of the events that it records.
EVENTS_CHECKED = True

# The same schedules, shorter.
STRIPE_RETRY_SCALE = 0.02
STRIPE_TIMEOUT_SECONDS = (1.0, 6.0)
AUTHORIZATION_GIVE_UP_SECONDS = env.float("AUTHORIZATION_GIVE_UP_SECONDS", 30)
PAYMENT_CONFIRMATION_SECONDS = env.float("PAYMENT_CONFIRMATION_SECONDS", 900)
SAGA_RETRY_SCALE = 0.2
EVENTS_RETRY_SECONDS = 0.02
# Off, but for the tests about it: the faults of one test must not close Stripe to the next.
STRIPE_BREAKER_FAILURES = env.int("STRIPE_BREAKER_FAILURES", 0)
SAGA_PULSE = {name: every / 5 for name, every in SAGA_PULSE.items()}  # noqa: F405

# Only the tests of the rates are slowed down by them.
THROTTLE_RATES = dict.fromkeys(THROTTLE_RATES, "off")  # noqa: F405

# Static files come from the apps, uncollected.
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
