"""Beat sweeps each second; a message older than two is dropped, the next one does it."""

from django.db import migrations

NAME = "Sweep runs"


def add(apps, schema_editor):
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = Interval.objects.get_or_create(every=1, period="seconds")
    PeriodicTask.objects.update_or_create(
        name=NAME,
        defaults={"task": "sagas.sweep", "interval": every, "expire_seconds": 2},
    )


def remove(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0001_runs"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
