"""The group `ops` closes breaks, with a reason."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [("payments", "0011_held_payouts"), ("sagas", "0015_payees")]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
