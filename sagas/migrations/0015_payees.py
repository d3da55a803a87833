"""Beat looks hourly at the payees' accounts of which no event has told; `ops` sees held payouts."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")
NAME = "Look at payees' accounts"


def add(apps, schema_editor):
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    hour, _ = Interval.objects.get_or_create(every=1, period="hours")
    PeriodicTask.objects.update_or_create(
        name=NAME,
        defaults={"task": "sagas.check_payees", "interval": hour, "expire_seconds": 3600},
    )


def remove(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0014_ops_sees_breaks"),
        ("payments", "0011_held_payouts"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [
        migrations.RunPython(add, remove),
        migrations.RunPython(_ops_group.add, migrations.RunPython.noop),
    ]
