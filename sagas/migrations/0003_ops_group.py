"""The group `ops`: sees everything, edits restaurants and menus, freezes a restaurant's account."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

NAME = "ops"
APPS = ("users", "orders", "payments", "escrow", "scheduler", "events", "sagas", "api",
        "notifications")
CHANGES = (
    "add_restaurant",
    "change_restaurant",
    "add_menuitem",
    "change_menuitem",
    "change_account",  # to freeze it; nothing else about it can be changed
    "change_delivery",  # to try it again; the same
    "change_break",  # to close it with a reason; the same
    "change_order",  # to settle what is owed for it; as little else
)


def add(apps, schema_editor):
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    # Apps that came later are not there yet; their own migrations call this again.
    for label in set(APPS).intersection(config.label for config in apps.get_app_configs()):
        # Permissions are made after the last migration; here they are needed now.
        config = apps.get_app_config(label)
        config.models_module = True
        create_permissions(config, apps=apps, verbosity=0)
        config.models_module = None
    ours = Permission.objects.filter(content_type__app_label__in=APPS)
    group, _ = Group.objects.get_or_create(name=NAME)
    group.permissions.set(
        [*ours.filter(codename__startswith="view_"), *ours.filter(codename__in=CHANGES)]
    )


def remove(apps, schema_editor):
    apps.get_model("auth", "Group").objects.filter(name=NAME).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0001_idempotency_keys"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("escrow", "0001_ledger"),
        ("events", "0001_outbox"),
        ("orders", "0001_orders"),
        ("payments", "0001_operations"),
        ("sagas", "0002_beat"),
        ("scheduler", "0001_due_events"),
        ("users", "0001_accounts"),
    ]

    operations = [migrations.RunPython(add, remove)]
