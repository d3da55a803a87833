"""The group `ops` sees where Stripe and we differ."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [("payments", "0009_breaks"), ("sagas", "0013_beat_purge")]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
