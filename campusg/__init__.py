"""The Django project: wiring, and the lowest layer that all apps may import."""

from campusg.celery import app as celery_app

__all__ = ["celery_app"]
