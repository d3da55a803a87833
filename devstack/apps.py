"""Makes `manage.py devstack` known; installed by the local settings only."""

from django.apps import AppConfig


class DevstackConfig(AppConfig):
    """An app without models: only its management command."""

    name = "devstack"
