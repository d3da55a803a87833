"""Each night old rows go: one row of beat's, in the place of two."""

from django.db import migrations

NAME = "Purge old rows"
FORMER = ("events.prune_outbox", "sagas.forget_stripe_events")


def add(apps, schema_editor):
    Crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    PeriodicTask.objects.filter(task__in=FORMER).delete()
    night, _ = Crontab.objects.get_or_create(minute="40", hour="3", timezone="UTC")
    PeriodicTask.objects.update_or_create(
        name=NAME,
        defaults={"task": "sagas.purge", "crontab": night, "expire_seconds": 3600},
    )


def remove(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0012_ops_settles"),
        ("events", "0003_inbox"),
        ("payments", "0006_beat_events"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
