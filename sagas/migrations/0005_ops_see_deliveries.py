"""The group `ops` sees what came with deliveries: hand-overs and ratings."""

from importlib import import_module

from django.db import migrations

grant = import_module("sagas.migrations.0003_ops_group").add


class Migration(migrations.Migration):
    dependencies = [
        ("sagas", "0004_beat_upkeep"),
        ("escrow", "0002_settling"),
        ("orders", "0003_handover_and_rating"),
        ("payments", "0003_captures_and_payouts"),
    ]

    operations = [migrations.RunPython(grant, migrations.RunPython.noop)]
