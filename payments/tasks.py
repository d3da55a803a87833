"""Where Celery looks for this app's tasks."""

from payments.janitor import hurry_due_task, resolve

__all__ = ["hurry_due_task", "resolve"]
