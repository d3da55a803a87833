"""Production: refuses to start without its secrets."""

from campusg.env import env
from campusg.settings.base import *  # noqa: F403

SECRET_KEY = env.str("SECRET_KEY")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY")
CAMPUSG_ENV = env.str("CAMPUSG_ENV")
EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.smtp.EmailBackend")
STRIPE_CALLS_PER_SECOND = env.int("STRIPE_CALLS_PER_SECOND", 80)
STRIPE_ROUTE_PER_SECOND = env.int("STRIPE_ROUTE_PER_SECOND", 20)

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", True)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 31_536_000
SECURE_HSTS_INCLUDE_SUBDOMAINS = True
SECURE_HSTS_PRELOAD = True
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
