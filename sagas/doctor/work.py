"""Workers, beat, runs, events: whether work gets done, and what waits for a person."""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import Now
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from campusg.money import formatted
from events.models import OutboxEvent
from sagas.doctor.lines import Line, fail, graded, ok, warn
from sagas.engine.definition import fingerprint_of
from sagas.engine.publishing import queue_length
from sagas.models import ACTIVE, LIVE, PausedSaga, Run, RunStatus, Worker

#: A pulse leaves word every five seconds; three missed words are no accident.
ALIVE = timedelta(seconds=15)
LATE_SECONDS = 60


def workers() -> Iterator[Line]:
    """Somebody takes the messages of every queue."""
    alive = list(Worker.objects.filter(seen_at__gt=Now() - ALIVE))
    for queue in settings.CELERY_TASK_QUEUES:
        number = sum(queue in worker.queues for worker in alive)
        if number:
            yield ok(f"queue {queue}", f"{number} worker{'s' if number > 1 else ''}")
        else:
            yield fail(f"queue {queue}", "no worker", "celery -A campusg worker")
    failing = sorted({name for worker in alive for name in worker.failing})
    if failing:
        yield fail("pulse", f"raised last time: {', '.join(failing)}", "Look at the worker's log.")
    elif alive:
        yield ok("pulse", "sweeps and fires what is due, in every worker")


def queues() -> Iterator[Line]:
    """Messages waiting; more than a thousand and the sweep holds its breath."""
    waiting = queue_length()
    yield graded(
        "messages", waiting, f"{waiting} waiting", "Start more workers.",
        warn_at=1_000, fail_at=50_000,
    )  # fmt: skip


def beat() -> Iterator[Line]:
    """The workers' pulses do all that can't wait; without beat only the rest is late."""
    last = PeriodicTask.objects.filter(enabled=True).aggregate(last=Max("last_run_at"))["last"]
    if last is None:
        yield warn("beat", "has never run here", "celery -A campusg beat")
        return
    ago = (timezone.now() - last).total_seconds()
    yield graded(
        "beat", ago, f"last tick {ago:.0f} s ago", "celery -A campusg beat",
        warn_at=LATE_SECONDS, fail_at=24 * 3600,
    )  # fmt: skip


def runs() -> Iterator[Line]:
    """Runs that fell behind, wait for a person, are paused, or began under another table."""
    late = Run.objects.filter(
        status__in=ACTIVE, paused="", wake_at__lt=Now() - timedelta(seconds=LATE_SECONDS)
    ).count()
    yield graded(
        "runs behind", late, f"{late} more than {LATE_SECONDS} s late",
        "Start workers; look at one with manage.py saga list --live.", warn_at=1, fail_at=100,
    )  # fmt: skip
    yield _parked()
    paused = Run.objects.filter(status__in=ACTIVE).exclude(paused="").count()
    sagas = ", ".join(PausedSaga.objects.values_list("saga", flat=True))
    if paused or sagas:
        seen = f"{paused} runs" + (f", and all of {sagas}" if sagas else "")
        yield warn("paused", seen, "manage.py saga resume, once the cause is mended.")
    else:
        yield ok("paused", "nothing")
    tables = Run.objects.filter(status__in=LIVE).values_list("saga", "fingerprint").distinct()
    gone = sorted({name for name, print_ in tables if fingerprint_of(name) != print_})
    if gone:
        yield fail(
            "tables", f"live runs of an older {', '.join(gone)}",
            "Run workers of that release until manage.py saga check is content.",
        )  # fmt: skip
    else:
        yield ok("tables", "every live run can go on under this code")


def outbox() -> Iterator[Line]:
    """Events recorded and not yet at the broker."""
    waiting = OutboxEvent.objects.filter(published_at=None).aggregate(
        number=Count("seq"), age=Now() - Min("created_at")
    )
    seconds = waiting["age"].total_seconds() if waiting["age"] else 0.0
    yield graded(
        "outbox", seconds, f"{waiting['number']} waiting, the oldest {seconds:.0f} s",
        "manage.py relay_events; nothing is lost, it is only late.", warn_at=10, fail_at=60,
    )  # fmt: skip


def _parked() -> Line:
    by_currency = (
        Run.objects.filter(status=RunStatus.PARKED)
        .values("currency")
        .annotate(number=Count("id"), at_risk=Sum("amount_at_risk"))
    )
    number = sum(row["number"] for row in by_currency)
    money = ", ".join(
        formatted(row["at_risk"], row["currency"]) for row in by_currency if row["currency"]
    )
    if not number:
        return ok("parked", "no run waits for a person")
    seen = f"{number} runs, {money or 'no money'} at risk"
    return warn("parked", seen, "manage.py saga list --status PARKED; each says its remedy.")
