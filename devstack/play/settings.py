"""A play's settings: as on a person's machine, with every wait cut so that days take seconds."""

from campusg.env import env
from campusg.settings.local import *  # noqa: F403

CAMPUSG_ENV = "demo"
DEBUG = False
# Without DEBUG nobody else would find the admin's style sheets.
WHITENOISE_USE_FINDERS = True
# These passwords protect nothing, and eighty log-ins at the usual price would cost the lunch.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

# Look into an unknown outcome after 0.4 s, 2.4 s, 12 s …; by then the order has given up on it.
STRIPE_RETRY_SCALE = 0.04
AUTHORIZATION_GIVE_UP_SECONDS = 10.0
SAGA_RETRY_SCALE = 0.2
# A worker killed as it sends an e-mail is followed by another so soon.
DELIVERY_LEASE_SECONDS = 5.0
# Half an hour of waiting for a runner.
ORDER_TIMEOUT_SECONDS = env.float("ORDER_TIMEOUT_SECONDS", 15.0)
# The whole campus sits behind one address here.
THROTTLE_RATES = dict.fromkeys(THROTTLE_RATES, "off")  # noqa: F405
