"""The group `ops` sees refunds and disputes."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [("sagas", "0016_ops_closes_breaks"), ("payments", "0012_money_back")]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
