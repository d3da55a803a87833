"""The relay: carries the outbox to the broker, in order, for as long as it takes.

Any number may run: one is at work, the others wait for its lock, which goes with its session. That
spares duplicates and no more: each event is sent only after its order's last one was acknowledged,
so even two relays at work could double events but never reorder or lose one.
"""

import logging
import time
from uuid import UUID

from django.db import Error, connection
from kafka.errors import KafkaError

from events import outbox
from events.bell import Bell
from events.publishing import Publisher

BATCH = 500
#: Seconds between looks when nobody hints.
POLL = 1.0
#: Seconds in which hints gather: so a busy hour is not one tiny batch after the other.
GATHER = 0.05
#: Seconds between tries while something does not answer.
FIRST_DELAY, LONGEST_DELAY = 0.25, 5.0
#: Seconds after which an event that the broker did not take is tried again.
UNFIT_AGAIN = 60.0
#: Seconds without a word after which PostgreSQL ends our session, and with it our turn.
HUNG_AFTER = 60

logger = logging.getLogger(__name__)


class Relay:
    """Publishes from the thread that calls `run`, until `stop`."""

    def __init__(self) -> None:
        self.bell = Bell("order")
        self.published = 0
        self._publisher = Publisher()
        self._at_work = False
        self._waits_its_turn = False
        self._unfit: dict[UUID, float] = {}  # orders whose next event is unfit, and until when
        self._silent, self._silent_since = "", 0.0
        self._delay = FIRST_DELAY

    def stop(self) -> None:
        """Finish the batch at hand and return; from any thread or signal handler."""
        self.bell.stop()

    def run(self) -> None:
        """Publish until stopped. Outages of broker and database are waited out."""
        try:
            while not self.bell.stopped:
                try:
                    self._turn()
                except KafkaError as error:
                    self._publisher.close()
                    self._outage("The broker", error)
                except Error as error:
                    self._leave()
                    self._outage("The database", error)
        finally:
            self._publisher.close()
            self._leave()
            self.bell.close()
            logger.info("The relay has stopped; it published %d events.", self.published)

    def _turn(self) -> None:
        """One look at the outbox, and a wait when there is nothing more."""
        if not self._at_work and not self._start():
            self.bell.wait(POLL, to_hints=False)
            return
        now = time.monotonic()
        self._unfit = {order_id: until for order_id, until in self._unfit.items() if until > now}
        rows = outbox.waiting(BATCH, self._unfit)
        if rows:
            for order_id, reason in self._publisher.publish(rows, self._acknowledged).items():
                self._unfit[order_id] = time.monotonic() + UNFIT_AGAIN
                logger.error(
                    "The broker will not take %s. The order's later events wait for it; the "
                    "next try is in %.0f s.", reason, UNFIT_AGAIN,
                )  # fmt: skip
        self._answered()
        if len(rows) < BATCH:
            self.bell.wait(POLL)
            self.bell.wait(GATHER, to_hints=False)

    def _start(self) -> bool:
        """Whether it is our turn."""
        with connection.cursor() as cursor:
            # A relay that hangs is put out by the server, and another takes over. A mark that a
            # crash of the server forgets costs a duplicate, so none waits for the disk.
            cursor.execute(f"SET idle_session_timeout = '{HUNG_AFTER}s'")
            cursor.execute("SET synchronous_commit = off")
        self._at_work = outbox.take_turn()
        if self._at_work:
            self.bell.listen()
            logger.info("The relay is at work; %d events wait.", outbox.lag().waiting)
        elif not self._waits_its_turn:
            logger.info("Another relay is at work; this one takes over when that ends.")
        self._waits_its_turn = not self._at_work
        return self._at_work

    def _leave(self) -> None:
        """End the session, and our turn with it."""
        connection.close()
        self._at_work = False

    def _acknowledged(self, seqs: list[int]) -> None:
        outbox.mark_published(seqs)
        self.published += len(seqs)

    def _outage(self, who: str, error: Exception) -> None:
        """Say so once, and wait a little longer each time."""
        if self._silent != who:
            self._silent, self._silent_since = who, time.monotonic()
            logger.error(
                "%s does not answer (%s). Events wait in the outbox; the next tries come after "
                "%.0f s at most.",
                who, " ".join(str(error).split()), LONGEST_DELAY,
            )  # fmt: skip
        self.bell.wait(self._delay, to_hints=False)
        self._delay = min(2 * self._delay, LONGEST_DELAY)

    def _answered(self) -> None:
        """Say once that an outage is over."""
        if self._silent:
            seconds = time.monotonic() - self._silent_since
            logger.info(
                "%s answers again after %.1f s; %d events wait.",
                self._silent, seconds, outbox.lag().waiting,
            )  # fmt: skip
        self._silent, self._delay = "", FIRST_DELAY
