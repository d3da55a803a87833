"""The sagas app."""

from django.apps import AppConfig


class SagasConfig(AppConfig):
    name = "sagas"
