"""The app that keeps the idempotency keys."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "campusg.api"
    label = "api"
