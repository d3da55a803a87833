"""The group `ops` settles what customers owe."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [("sagas", "0011_background_runs")]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
