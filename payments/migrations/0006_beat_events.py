"""Beat fetches each five minutes the events that did not reach us, and forgets old ones daily."""

from django.db import migrations

TASKS = {
    "Fetch missed events of Stripe's": ("sagas.backfill_stripe_events", 5, "minutes", 240),
    "Forget old events of Stripe's": ("sagas.forget_stripe_events", 1, "days", 3600),
}


def add(apps, schema_editor):
    Interval = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, (task, every, period, expires) in TASKS.items():
        interval, _ = Interval.objects.get_or_create(every=every, period=period)
        PeriodicTask.objects.update_or_create(
            name=name,
            defaults={"task": task, "interval": interval, "expire_seconds": expires},
        )


def remove(apps, schema_editor):
    apps.get_model("django_celery_beat", "PeriodicTask").objects.filter(name__in=TASKS).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_line_and_events"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]

    operations = [migrations.RunPython(add, remove)]
