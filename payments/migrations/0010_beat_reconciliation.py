"""Beat looks at payments under way each quarter of an hour, and at all of yesterday each night."""

from django.db import migrations

OPEN, NIGHTLY = "Look at open payments", "Reconcile with Stripe"


def add(apps, schema_editor):
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    Crontab = apps.get_model("django_celery_beat", "CrontabSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    quarter, _ = Interval.objects.get_or_create(every=15, period="minutes")
    night, _ = Crontab.objects.get_or_create(
        minute="30", hour="0", day_of_week="*", day_of_month="*", month_of_year="*", timezone="UTC"
    )
    PeriodicTask.objects.update_or_create(
        name=OPEN,
        defaults={
            "task": "sagas.look_at_open_payments", "interval": quarter, "queue": "remote",
            "expire_seconds": 840,
        },
    )
    PeriodicTask.objects.update_or_create(
        name=NIGHTLY,
        defaults={
            "task": "sagas.reconcile_yesterday", "crontab": night, "queue": "remote",
            "expire_seconds": 6 * 3600,
        },
    )


def remove(apps, schema_editor):
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    PeriodicTask.objects.filter(name__in=(OPEN, NIGHTLY)).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0009_breaks"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
