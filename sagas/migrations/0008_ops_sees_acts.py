"""The group `ops` sees what was done by hand, which sagas are paused, and which workers live."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [("sagas", "0007_workers")]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
