# One image for every process of CampusG: web by default, workers and beat by their command.
FROM python:3.12-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DJANGO_SETTINGS_MODULE=campusg.settings.production

WORKDIR /app

# Before the code, so that a change of code does not install everything again.
COPY requirements.txt ./
RUN pip install --no-deps -r requirements.txt

# .dockerignore lets in the product alone: no development stack, no tests, no .env.
COPY . .

# These values reach no layer's environment and sign nothing; they only let the settings load.
RUN SECRET_KEY=build STRIPE_SECRET_KEY=build CAMPUSG_ENV=build \
    python manage.py collectstatic --noinput

RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin campusg
USER campusg

EXPOSE 8000
# One server for pages, API and live streams; each of its processes answers in WEB_THREADS threads.
# The heartbeat of the workers belongs in memory: on a busy disk it would stall and kill them.
CMD ["gunicorn", "campusg.asgi:application", "--bind", "0.0.0.0:8000", "--worker-class", "asgi", \
     "--workers", "2", "--worker-tmp-dir", "/dev/shm", "--no-control-socket", \
     "--graceful-timeout", "10"]
