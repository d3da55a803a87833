"""What is true about every run: where it stands, what it has learnt, what each step did."""

from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from campusg.ids import new_id
from campusg.money import CurrencyField, MinorUnitsField
from campusg.triggers import append_only


class RunStatus(models.TextChoices):
    """Where a run stands. The first four are live; a run never leaves the last three."""

    RUNNING = "RUNNING", "running"
    WAITING = "WAITING", "waiting for a signal"
    COMPENSATING = "COMPENSATING", "compensating"
    PARKED = "PARKED", "parked: waits for a person"
    COMPLETED = "COMPLETED", "completed"
    COMPENSATED = "COMPENSATED", "compensated"
    TERMINATED = "TERMINATED", "terminated by a person"


#: The engine moves these by itself.
ACTIVE = (RunStatus.RUNNING, RunStatus.WAITING, RunStatus.COMPENSATING)
#: At most one of these per saga and key.
LIVE = (*ACTIVE, RunStatus.PARKED)


class Pause(models.TextChoices):
    """What keeps a run from beginning its next step, besides its status."""

    NONE = "", "not paused"
    RUN = "run", "paused by itself"
    SAGA = "saga", "paused with its saga"


class Run(models.Model):
    """One execution of a saga. The row is its own outbox: `wake_at` says when to look again."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    saga = models.CharField(max_length=64)
    key = models.CharField(max_length=120, help_text="One live run per saga and key.")
    status = models.CharField(max_length=16, choices=RunStatus, default=RunStatus.RUNNING)
    paused = models.CharField(
        max_length=4, choices=Pause, default=Pause.NONE, blank=True,
        help_text="While it says something no further step begins; the direction is kept.",
    )  # fmt: skip
    position = models.PositiveSmallIntegerField(
        default=1, help_text="The step at hand, counted from 1; one past the last when completed."
    )
    epoch = models.PositiveIntegerField(
        default=1, help_text="Rises when the direction changes; older messages are then stale."
    )
    fence = models.PositiveBigIntegerField(
        default=0, help_text="Rises with each claim of a remote step; only the latest may advance."
    )
    lease_until = models.DateTimeField(null=True, blank=True)
    background = models.BooleanField(
        default=False, help_text="Nobody waits for it: it begins when there is nothing else to do."
    )
    wake_at = models.DateTimeField(null=True, blank=True, help_text="When the sweep looks again.")
    not_before = models.DateTimeField(
        null=True, blank=True, help_text="A retry may not run earlier than this."
    )
    attempt = models.PositiveIntegerField(default=0, help_text="Failed tries of the step at hand.")
    sweeps = models.PositiveSmallIntegerField(
        default=0, help_text="Times the sweep published since the last progress."
    )
    recovered = models.PositiveIntegerField(
        default=0, help_text="Times the sweep published in all: work a message did not do."
    )
    waits_for = models.CharField(max_length=64, blank=True, help_text="The signal awaited.")
    facts = models.JSONField(default=dict)
    given_digest = models.CharField(max_length=64, help_text="Of the facts it was started with.")
    fingerprint = models.CharField(max_length=16, help_text="Of the table it was started under.")
    reason = models.TextField(blank=True, help_text="Why it compensates or is parked.")
    remedy = models.TextField(blank=True, help_text="What a person can do about a parked run.")
    undo_failed = models.BooleanField(default=False)
    amount_at_risk = MinorUnitsField(default=0)
    currency = CurrencyField(blank=True, default="", validators=[])
    started_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    #: The database's clock when the row was locked (`engine.progress.lock_run`).
    db_now: datetime

    class Meta:
        ordering: ClassVar = ["-started_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["saga", "key"],
                condition=models.Q(status__in=[s.value for s in LIVE]),
                name="one_live_run_per_key",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=RunStatus.values), name="run_status_known"
            ),
            models.CheckConstraint(
                condition=models.Q(paused__in=Pause.values), name="run_pause_known"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["wake_at"],
                condition=models.Q(wake_at__isnull=False, background=False),
                name="run_to_wake",
            ),
            models.Index(
                fields=["waits_for"], condition=~models.Q(waits_for=""), name="run_waiting"
            ),
            models.Index(
                fields=["id"],
                condition=models.Q(wake_at__isnull=False, background=True),
                name="run_in_background",
            ),
            models.Index(fields=["key"], name="run_key"),
            models.Index(fields=["-started_at", "-id"], name="run_latest"),
            models.Index(
                fields=["saga", "status"],
                condition=models.Q(status__in=[s.value for s in LIVE]),
                name="run_live",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.saga} {self.key}"

    @property
    def forward(self) -> bool:
        """True while it does, False while it undoes."""
        return self.status != RunStatus.COMPENSATING


class Direction(models.TextChoices):
    """A step is done, and perhaps undone."""

    DO = "do", "do"
    UNDO = "undo", "undo"


class StepState(models.TextChoices):
    """What became of a step, as far as is known."""

    STARTED = "STARTED", "started"
    DONE = "DONE", "done"
    REFUSED = "REFUSED", "refused"
    FAILED = "FAILED", "failed"
    UNKNOWN = "UNKNOWN", "outcome unknown"
    WAITING = "WAITING", "waiting"
    SKIPPED = "SKIPPED", "skipped by a person"


class StepLog(models.Model):
    """One line of a run's timeline: a step done or undone. Committed with the step's effect."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="steps", db_index=False)
    position = models.PositiveSmallIntegerField()
    direction = models.CharField(max_length=4, choices=Direction, default=Direction.DO)
    participant = models.CharField(max_length=64)
    state = models.CharField(max_length=8, choices=StepState)
    attempt = models.PositiveIntegerField(default=1)
    error = models.TextField(blank=True, default="")
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["run", "position", "direction"], name="one_log_row_per_step"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.direction} {self.participant}: {self.state}"


class PausedSaga(models.Model):
    """A saga whose runs begin no further step, those that start from now on included."""

    saga = models.CharField(max_length=64, primary_key=True)
    since = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.saga}, paused since {self.since:%Y-%m-%d %H:%M} UTC"


class Action(models.Model):
    """What a person did to a run, or to a whole saga: written once, with the act itself.

    `run_id` is no foreign key: the record outlives the run's row.
    """

    run_id = models.UUIDField(null=True, blank=True, db_index=True)
    saga = models.CharField(max_length=64)
    name = models.CharField(max_length=16)
    actor = models.CharField(max_length=150, help_text="An account, or a login on the server.")
    reason = models.TextField()
    plan = models.JSONField(help_text="What was going to happen, sentence by sentence.")
    before = models.JSONField(default=dict, help_text="Where the run stood.")
    after = models.JSONField(default=dict, help_text="Where it stood when the act was done.")
    done_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=~models.Q(reason=""), name="action_has_a_reason"),
        ]
        triggers: ClassVar = append_only()

    def __str__(self) -> str:
        return f"{self.name} by {self.actor}"


class Worker(models.Model):
    """A worker that is alive, as its own pulse says: remote control is off, so none can be asked.

    A worker that ends well takes its row away; one that was killed leaves an old one.
    """

    name = models.CharField(max_length=200, primary_key=True)
    queues = ArrayField(models.CharField(max_length=64))
    failing = ArrayField(
        models.CharField(max_length=128), default=list, blank=True,
        help_text="What of its pulse raised when it was last run.",
    )  # fmt: skip
    seen_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name
