"""How work gets done: messages by Celery, runs by the engine, events by Kafka."""

from typing import Any

from campusg.env import env

# Celery: hints, never truth (docs/decisions)
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_TRANSPORT: str | None = "campusg.broker:Transport"
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_TASK_DEFAULT_QUEUE = "local"
# Local steps are quick and hold a row lock; remote ones wait for the network. A worker
# without -Q takes both, so one plain worker runs everything.
CELERY_TASK_QUEUES: dict[str, dict[str, Any]] = {"local": {}, "remote": {}}
CELERY_TASK_CREATE_MISSING_QUEUES = False
# What follows from a message in the background stays there.
CELERY_TASK_INHERIT_PARENT_PRIORITY = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_PUBLISH_RETRY_POLICY = {
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 120,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 10,
    "socket_connect_timeout": 3,
    "socket_keepalive": True,
    "health_check_interval": 25,
}
CELERY_WORKER_POOL = env.str("CELERY_WORKER_POOL", "threads")
CELERY_WORKER_CONCURRENCY = env.int("CELERY_WORKER_CONCURRENCY", 8)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
# Without this Celery reconnects to PostgreSQL before and after each task.
CELERY_DB_REUSE_MAX = 1000

# Kafka: where the outbox is published
KAFKA_BOOTSTRAP_SERVERS = env.list("KAFKA_BOOTSTRAP_SERVERS", ["127.0.0.1:9092"])
# How many brokers keep a copy of each message; one may be missing while we write.
KAFKA_REPLICATION = env.int("KAFKA_REPLICATION", 1)
EVENTS_TOPIC = env.str("EVENTS_TOPIC", "campusg.orders.v1")
# For so long a subscriber may be away and miss nothing.
EVENTS_RETENTION_HOURS = env.int("EVENTS_RETENTION_HOURS", 7 * 24)
EVENTS_DLQ_RETENTION_HOURS = env.int("EVENTS_DLQ_RETENTION_HOURS", 30 * 24)
# So long a published event stays in the outbox, for live streams and for looking back.
EVENTS_KEEP_DAYS = env.int("EVENTS_KEEP_DAYS", 90)
# So long a run that has ended can be looked at, with its timeline.
RUNS_KEEP_DAYS = env.int("RUNS_KEEP_DAYS", 365)
# So long we remember what Stripe told us; it tells nothing older than 30 days again.
STRIPE_EVENTS_KEEP_DAYS = env.int("STRIPE_EVENTS_KEEP_DAYS", 90)
# Every event is held against its schema as it is recorded: for tests, it costs.
EVENTS_CHECKED = False
# Who makes use of the events; each name leads to a `Consumer`.
EVENTS_CONSUMERS = ["campusg.consumers.notifications"]
# The wait after an event's first failure at a consumer; it doubles with each of five tries.
EVENTS_RETRY_SECONDS = env.float("EVENTS_RETRY_SECONDS", 1.0)

# Sagas: how many local steps go into one transaction. "batch": as many as follow each other;
# "step": one commit a step, in one task; "off": one message a step.
SAGA_FAST_PATH = env.str("SAGA_FAST_PATH", "batch")
# Stretches or shrinks every wait between tries.
SAGA_RETRY_SCALE = env.float("SAGA_RETRY_SCALE", 1.0)
# What a worker's own thread does, beat or no beat, and every how many seconds.
SAGA_PULSE: dict[str, float] = {
    "sagas.engine.sweeping.sweep": 1,
    "scheduler.services.fire_all_due": 1,
    "payments.janitor.hurry_due": 1,
    "sagas.operating.hold_back": 1,
    "notifications.tasks.hurry_due": 1,
    "sagas.stripe_events.hurry_due": 1,
    "sagas.upkeep.set_missing_timers": 60,
}
