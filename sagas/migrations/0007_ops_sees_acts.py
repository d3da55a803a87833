"""The group `ops` sees what was done by hand, and which sagas are paused."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [("sagas", "0006_by_hand")]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
