"""A person's own machine: readable errors, keys that protect nothing."""

from campusg.env import env
from campusg.settings.base import *  # noqa: F403

DEBUG = env.bool("DEBUG", True)
SECRET_KEY = env.str("SECRET_KEY", "local-only-and-protects-nothing-0123456789abcdef")

INSTALLED_APPS = [*INSTALLED_APPS, "devstack"]  # noqa: F405
