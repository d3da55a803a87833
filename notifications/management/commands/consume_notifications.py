"""`manage.py consume_notifications`: tell people of what happens, until stopped."""

from events.serving import ConsumeCommand


class Command(ConsumeCommand):
    help = "Read the events and write the notifications they call for, until stopped."
    consumer = "notifications"
