"""What an SMS back end is, and the one that writes to the console."""

import sys
from typing import Protocol


class SmsBackend(Protocol):
    """A class whose dotted path stands in `SMS_BACKEND`; it is made anew for each message."""

    def send(self, *, to: str, text: str) -> None:
        """Send `text` to the number `to` (E.164). Raises NotSent to be asked again later, and
        NoAddress when the number will never do."""


class ConsoleSms:
    """Writes each message to standard output, for development."""

    def send(self, *, to: str, text: str) -> None:
        """Cannot fail."""
        sys.stdout.write(f"SMS to {to}: {text}\n")
