"""The ASGI entry point: the whole site, with streams that stay open."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campusg.settings.local")
django.setup()

from campusg.live.serving import Site  # noqa: E402  # Django first

application = Site()
