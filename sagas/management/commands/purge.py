"""`manage.py purge`: delete old rows now, as beat does each night."""

from typing import Any

from django.core.management.base import BaseCommand

from sagas.purging import purge_all


class Command(BaseCommand):
    help = "Delete rows that have been kept long enough: runs, events, inbox, idempotency keys."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        for one, gone in purge_all():
            self.stdout.write(f"{one.name}: {gone} older than {one.days} days deleted")
