"""Everything, each value once. What differs from machine to machine comes through `env`."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url

from campusg.env import env

BASE_DIR = Path(__file__).resolve().parent.parent.parent

# Which world this is: part of every idempotency key and of every object's metadata at Stripe.
CAMPUSG_ENV = env.str("CAMPUSG_ENV", "local")
DEBUG = False
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])

# Apps
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "pgtrigger",
    "rest_framework",
    "rest_framework_simplejwt.token_blacklist",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "campusg.api",
    "users",
    "events",
    "sagas",
    "orders",
    "payments",
    "escrow",
    "scheduler",
    "notifications",
]
AUTH_USER_MODEL = "users.User"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Web
ROOT_URLCONF = "campusg.urls"
WSGI_APPLICATION = "campusg.wsgi.application"
# Under ASGI: how many requests are answered at once; each thread keeps a database connection.
WEB_THREADS = env.int("WEB_THREADS", 8)
MIDDLEWARE = [
    "campusg.api.middleware.labelled",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / ".campusg" / "static"
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024

# Time: UTC everywhere; deadlines are computed by the database
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

# PostgreSQL: all truth
DATABASES = {
    "default": dj_database_url.parse(
        env.str("DATABASE_URL", "postgres://campusg:campusg@127.0.0.1:5432/campusg"),
        conn_max_age=600,
        conn_health_checks=True,
    )
}
DATABASES["default"].setdefault("OPTIONS", {})["options"] = (
    # A process that is paused while it holds a row must not hold it for ever.
    "-c statement_timeout=15000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=20000"
)

# Passwords, sessions
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "admin:login"

# HTTP API
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_SCHEMA_CLASS": "campusg.api.schema.ApiSchema",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": [
        "rest_framework.permissions.IsAuthenticated",
        "campusg.api.permissions.HasRole",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["campusg.api.throttles.Throttle"],
    "DEFAULT_PAGINATION_CLASS": "campusg.api.pagination.NewestFirst",
    "DEFAULT_PARSER_CLASSES": [
        "campusg.api.parsers.JSONParser",
        "campusg.api.parsers.FormParser",
        "campusg.api.parsers.MultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "campusg.api.renderers.BrowsableRenderer",
    ],
    "EXCEPTION_HANDLER": "campusg.api.errors.handle",
    # Proxies in front of us that set X-Forwarded-For; what a client puts there counts for nothing.
    "NUM_PROXIES": env.int("NUM_PROXIES", 0),
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "COERCE_DECIMAL_TO_STRING": False,
}
# Requests per second (s), minute (min) or hour (h) of one account, or one address; or "off".
THROTTLE_RATES = {
    "anon": env.str("THROTTLE_ANON", "120/min"),
    "user": env.str("THROTTLE_USER", "600/min"),
    "login": env.str("THROTTLE_LOGIN", "5/min"),
    "orders": env.str("THROTTLE_ORDERS", "10/min"),
    "accept": env.str("THROTTLE_ACCEPT", "30/min"),
    # Each new card is a question to Stripe; many at once look like card testing.
    "cards": env.str("THROTTLE_CARDS", "10/h"),
    "webhook": env.str("THROTTLE_WEBHOOK", "100/s"),
}
SIMPLE_JWT = {
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=10),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "ROTATE_REFRESH_TOKENS": True,
    "BLACKLIST_AFTER_ROTATION": True,
    "ALGORITHM": "HS256",
    "ISSUER": "campusg",
    "AUDIENCE": "campusg",
    "USER_ID_FIELD": "id",
    "USER_ID_CLAIM": "sub",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "CampusG",
    "DESCRIPTION": "Campus food delivery: each order a saga. Amounts are in minor units.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    # Without this Swagger UI shows the document to a validator on the internet.
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "validatorUrl": None},
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api",
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderStatus": "orders.states.OrderStatus",
        "RunStatus": "sagas.models.RunStatus",
        "StepState": "sagas.models.StepState",
        "PaymentStatus": "payments.models.PaymentStatus",
        "HoldStatus": "escrow.models.HoldStatus",
        "DueEventStatus": "scheduler.models.EventStatus",
    },
}

# Live streams, of which one process keeps as many open as these let it.
STREAMS_PER_ACCOUNT = env.int("STREAMS_PER_ACCOUNT", 20)
STREAMS_PER_PROCESS = env.int("STREAMS_PER_PROCESS", 5000)
# A quiet stream says so this often, because proxies close what says nothing.
STREAM_HEARTBEAT_SECONDS = env.float("STREAM_HEARTBEAT_SECONDS", 15)
# So often a stream is asked whether its client still may follow it.
STREAM_RECHECK_SECONDS = env.float("STREAM_RECHECK_SECONDS", 60)
# What a hint that got lost costs: one query for all streams finds what it was about.
STREAM_POLL_SECONDS = env.float("STREAM_POLL_SECONDS", 5)

# Celery: hints, never truth (docs/decisions)
REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = REDIS_URL
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

# How people are told what does not stand in the app alone
SITE_URL = env.str("SITE_URL", "http://localhost:8000")
EMAIL_BACKEND = env.str("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
# When a worker has held an e-mail or SMS for so long, another sends it. No back end takes longer.
DELIVERY_LEASE_SECONDS = env.float("DELIVERY_LEASE_SECONDS", 120)
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "CampusG <noreply@localhost>")
SMS_BACKEND = env.str("SMS_BACKEND", "notifications.sms.ConsoleSms")

# Stripe
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "https://api.stripe.com")
STRIPE_SECRET_KEY = env.str("STRIPE_SECRET_KEY", "")
# Connect, read. A reply that comes later is an unknown outcome, not a failure.
STRIPE_TIMEOUT_SECONDS = (3.0, 15.0)
# Stretches or shrinks the schedule on which unknown outcomes are looked into.
STRIPE_RETRY_SCALE = env.float("STRIPE_RETRY_SCALE", 1.0)
# An order whose authorization is unknown for this long is cancelled; the operation stays watched.
AUTHORIZATION_GIVE_UP_SECONDS = env.float("AUTHORIZATION_GIVE_UP_SECONDS", 900)
# A customer who is asked to confirm a payment (3-D Secure) has so long to do it.
PAYMENT_CONFIRMATION_SECONDS = env.float("PAYMENT_CONFIRMATION_SECONDS", 900)
# So long before the card's promise lapses, an order that still relies on it is ended.
AUTHORIZATION_MARGIN_SECONDS = env.float("AUTHORIZATION_MARGIN_SECONDS", 24 * 3600)
# So long before it lapses operators are told of a hold that an order still relies on.
AUTHORIZATION_WARNING_SECONDS = env.float("AUTHORIZATION_WARNING_SECONDS", 48 * 3600)

# A payee who can't be paid for so long is a person's to look at, besides being tried daily.
PAYOUT_HELD_MAX_SECONDS = env.float("PAYOUT_HELD_MAX_SECONDS", 7 * 24 * 3600)

# What Stripe signs its webhooks with: one secret for each endpoint, two while one is replaced.
STRIPE_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_WEBHOOK_SECRETS", [])
STRIPE_CONNECT_WEBHOOK_SECRETS: list[str] = env.list("STRIPE_CONNECT_WEBHOOK_SECRETS", [])
# Calls a second: in all, and of each endpoint; 0: as many as there are. Stripe takes 100 and 25
# (https://docs.stripe.com/rate-limits); production leaves some for people and other systems.
STRIPE_CALLS_PER_SECOND = env.int("STRIPE_CALLS_PER_SECOND", 0)
STRIPE_ROUTE_PER_SECOND = env.int("STRIPE_ROUTE_PER_SECOND", 0)
# After so many calls without an answer nobody waits for Stripe and no new order is taken, for so
# many seconds; then one call tries. 0 failures: never.
STRIPE_BREAKER_FAILURES = env.int("STRIPE_BREAKER_FAILURES", 5)
STRIPE_BREAKER_OPEN_SECONDS = env.float("STRIPE_BREAKER_OPEN_SECONDS", 15)

# Logs
LOG_LEVEL = env.str("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "stripe": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "kombu": {"level": "WARNING"},
        # It writes several lines a second about a broker that is away; we write one.
        "kafka": {"level": "CRITICAL"},
    },
}

# Order rules
ORDER_TIMEOUT_SECONDS = env.float("ORDER_TIMEOUT_SECONDS", 30 * 60)
# A delivery that takes longer than this after it was accepted is told of.
DELIVERY_REMINDER_SECONDS = env.float("DELIVERY_REMINDER_SECONDS", 45 * 60)
# Money that has been set aside for this long ends its order: what was delivered is completed, what
# was not is called off. Long before any card's promise lapses.
ESCROW_TIMEOUT_SECONDS = env.float("ESCROW_TIMEOUT_SECONDS", 24 * 3600)
# Of each payout, at most this much is kept back for what its payee owes us of earlier orders.
SET_OFF_BASIS_POINTS = env.int("SET_OFF_BASIS_POINTS", 5000)
# What a customer pays besides the food; the platform's share covers Stripe's fee.
DELIVERY_FEE_MINOR = env.int("DELIVERY_FEE_MINOR", 399)
PLATFORM_FEE_FIXED_MINOR = env.int("PLATFORM_FEE_FIXED_MINOR", 40)
PLATFORM_FEE_BASIS_POINTS = env.int("PLATFORM_FEE_BASIS_POINTS", 500)
# From it the PIN of each order is derived; when it changes so do all PINs. Empty: SECRET_KEY.
HANDOVER_PIN_KEY = env.str("HANDOVER_PIN_KEY", "")
# The most the campus lets stand in escrow at once, per currency; empty: no cap.
ESCROW_OPEN_CAP_MINOR = env.int("ESCROW_OPEN_CAP_MINOR", None)

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
# Orders a customer may have waiting for their payment at once.
UNPAID_ORDERS_MAX = env.int("UNPAID_ORDERS_MAX", 3)
