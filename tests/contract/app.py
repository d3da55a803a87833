"""A bare Celery application, set as ours is, whose tasks only leave marks in Redis."""

import os
import time

import redis
from celery import Celery
from celery.exceptions import Ignore

# Not the current app of the test process: there, that is CampusG's.
app = Celery("contract", broker=os.environ["CONTRACT_REDIS_URL"], set_as_current=False)
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    task_default_queue="contract",
    task_inherit_parent_priority=True,
    worker_prefetch_multiplier=1,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "visibility_timeout": 6,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    },
)
marks = redis.from_url(os.environ["CONTRACT_REDIS_URL"])


def mark(test: str, what: str) -> None:
    marks.rpush(f"marks:{test}", what)


@app.task
def ok(test: str, name: str) -> None:
    mark(test, name)


@app.task
def fail(test: str, name: str) -> None:
    mark(test, name)
    raise RuntimeError(name)


@app.task
def ignore(test: str, name: str) -> None:
    mark(test, name)
    raise Ignore


@app.task(bind=True)
def tell_priority(self: object, test: str, name: str) -> None:
    """Leave its message's priority as a mark; `last` fails then."""
    mark(test, f"{name} {self.request.delivery_info['priority']}")  # type: ignore[attr-defined]
    if name == "last":
        raise RuntimeError(name)


@app.task(bind=True)
def priority_of_errback(self: object, test: str) -> None:
    mark(test, f"errback {self.request.delivery_info['priority']}")  # type: ignore[attr-defined]


@app.task
def errback(test: str) -> None:
    """One argument: Celery sends it as a message of its own."""
    mark(test, f"errback in its own task: {errback.request.id is not None}")


@app.task
def inline_errback(request: object, exc: Exception, traceback: object) -> None:
    """Three arguments: called inside the failing worker, without a task, its error swallowed."""
    mark(request.args[0], f"inline in a task of its own: {inline_errback.request.id is not None}")  # type: ignore[attr-defined]
    raise RuntimeError("nobody hears this")


@app.task(bind=True)
def pop_two(self: object, test: str, name: str) -> None:
    """What the engine's fast path does: take done elements off the carrier's chain."""
    chain = self.request.chain  # type: ignore[attr-defined]
    mark(test, f"{name} carries {len(chain)}")
    chain.pop()
    chain.pop()


@app.task(bind=True)
def pop_and_die(self: object, test: str, name: str) -> None:
    """The first time, pop and die before the message is acknowledged."""
    mark(test, f"{name} carries {len(self.request.chain)}")  # type: ignore[attr-defined]
    if marks.incr(f"tries:{test}") == 1:
        self.request.chain.pop()  # type: ignore[attr-defined]
        os._exit(9)


@app.task
def slow(test: str, name: str, seconds: float) -> None:
    time.sleep(seconds)
    mark(test, name)
