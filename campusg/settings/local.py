"""A person's own machine: readable errors, keys that protect nothing, the embedded servers."""

from pathlib import Path

from campusg.env import env

# `make up` leaves word of where its servers are, so that commands in another terminal find them.
if env.str("DATABASE_URL", None) is None:
    env.read_env(str(Path(__file__).resolve().parents[2] / ".campusg" / "env"), recurse=False)

from campusg.settings.base import *  # noqa: F403

DEBUG = env.bool("DEBUG", True)
SECRET_KEY = env.str("SECRET_KEY", "local-only-and-protects-nothing-0123456789abcdef")
INSTALLED_APPS = [*INSTALLED_APPS, "devstack"]  # noqa: F405
