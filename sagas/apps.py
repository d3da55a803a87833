"""The sagas app."""

from importlib import import_module

from django.apps import AppConfig


class SagasConfig(AppConfig):
    name = "sagas"

    def ready(self) -> None:
        """A process that starts a run publishes it too, so it knows every step's task."""
        import_module("sagas.tasks")
