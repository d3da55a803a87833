"""The group `ops` sees what Stripe told us of, and how the line to it stands."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [
        ("payments", "0005_line_and_events"),
        ("sagas", "0009_waking"),
    ]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
