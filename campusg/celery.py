"""The Celery application: one worker command, one beat command, no flags needed."""

import os

from celery import Celery

from sagas.engine.pulse import Pulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campusg.settings.local")

app = Celery("campusg")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(Pulse)
