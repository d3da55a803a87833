"""The group `ops` sees hand-overs and ratings too."""

from importlib import import_module

from django.db import migrations

_ops_group = import_module("sagas.migrations.0003_ops_group")


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_handover_and_rating"),
        ("sagas", "0004_beat_upkeep"),
    ]

    operations = [migrations.RunPython(_ops_group.add, migrations.RunPython.noop)]
