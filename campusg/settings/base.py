"""Everything, each value once; work and rules in rooms of their own. What differs from machine to
machine comes through `env`."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url

from campusg.env import env
from campusg.settings.rules import *  # noqa: F403
from campusg.settings.work import *  # noqa: F403

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
