"""A person's own machine: readable errors, keys that protect nothing."""

from campusg.settings.base import *  # noqa: F403

DEBUG = env.bool("DEBUG", True)  # noqa: F405
SECRET_KEY = env.str("SECRET_KEY", "local-only-and-protects-nothing-0123456789abcdef")  # noqa: F405
