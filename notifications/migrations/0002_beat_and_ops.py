"""Beat sends the post each ten seconds, as every worker does each second; `ops` looks at it."""

from importlib import import_module

from django.db import migrations

NAME = "Bring notifications"

_ops_group = import_module("sagas.migrations.0003_ops_group")


def add_beat(apps, schema_editor):
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    every, _ = Interval.objects.get_or_create(every=10, period="seconds")
    PeriodicTask.objects.update_or_create(
        name=NAME,
        defaults={"task": "notifications.hurry_due", "interval": every, "expire_seconds": 10},
    )


def remove_beat(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0001_notifications"),
        ("events", "0003_inbox"),
        ("sagas", "0005_ops_sees_more"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.RunPython(add_beat, remove_beat),
        migrations.RunPython(_ops_group.add, migrations.RunPython.noop),
    ]
