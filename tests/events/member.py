"""`python -m tests.events.member TOPIC GROUP MEMBER [dies]`: a consumer's process, as an operator
starts one; `dies` cuts its life between the commit of its first effects and that of the offset."""

import os
import signal
import sys

import django

django.setup()

from events.consumer import Runner  # noqa: E402
from events.inbox import Consumer  # noqa: E402
from tests.events.readers import leave_marks  # noqa: E402


class Doomed(Runner):
    """Killed when it has something to tell the broker."""

    def _commit(self) -> None:
        if self._done:
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    topic, group, member, *fate = sys.argv[1:]
    kind = Doomed if fate else Runner
    runner = kind(Consumer(group, topic, leave_marks), member)
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    runner.run()


if __name__ == "__main__":
    main()
