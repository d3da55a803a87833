"""The deployment files keep the specification's rules and ours: no secrets, nothing unwatched."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from jsonschema import Draft7Validator

ROOT = Path(settings.BASE_DIR)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "campusg"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
#: What has to be done once before anything else starts.
JOBS = {"migrate", "topics"}
REQUIRED = re.compile(r"\$\{\w+:\?[^}]+\}")


def test_the_file_keeps_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests" / "data" / "compose-spec.json").read_text())
    assert [error.message for error in Draft7Validator(schema).iter_errors(COMPOSE)] == []


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_and_started_again_or_runs_once(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert name in JOBS
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@pytest.mark.parametrize("name", SERVICES)
def test_no_secret_is_written_in_the_file(name: str) -> None:
    for variable, value in SERVICES[name].get("environment", {}).items():
        if re.search(r"PASSWORD|SECRET|TOKEN", variable):
            assert REQUIRED.fullmatch(value), variable
        if credentials := re.search(r"://\w+:(.+)@", str(value)):
            assert REQUIRED.fullmatch(credentials[1]), variable


@pytest.mark.parametrize("name", OURS)
def test_our_processes_get_all_they_need_and_no_privileges(name: str) -> None:
    service = SERVICES[name]
    assert {
        "DJANGO_SETTINGS_MODULE",
        "DATABASE_URL",
        "REDIS_URL",
        "KAFKA_BOOTSTRAP_SERVERS",
        "SECRET_KEY",
        "STRIPE_SECRET_KEY",
        "CAMPUSG_ENV",
        "ALLOWED_HOSTS",
    } <= service["environment"].keys()
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


def test_nothing_of_ours_starts_before_its_servers_answer_and_the_tables_are_there() -> None:
    for name in OURS:
        conditions = {on: each["condition"] for on, each in SERVICES[name]["depends_on"].items()}
        jobs = {on: conditions.pop(on) for on in JOBS & conditions.keys()}
        assert set(jobs.values()) <= {"service_completed_successfully"}
        assert name in JOBS or "migrate" in jobs
        assert set(conditions.values()) == {"service_healthy"}


@pytest.mark.parametrize("name", ["relay", "notifications"])
def test_who_uses_the_topics_starts_when_they_are_there(name: str) -> None:
    assert "topics" in SERVICES[name]["depends_on"]


def test_some_worker_takes_every_queue() -> None:
    taken = [
        queue
        for name in OURS
        if "-Q" in (command := SERVICES[name].get("command", []))
        for queue in command[command.index("-Q") + 1].split(",")
    ]
    assert sorted(taken) == sorted(settings.CELERY_TASK_QUEUES)


def test_the_broker_keeps_its_messages_on_disk_and_drops_none() -> None:
    command = " ".join(SERVICES["valkey"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_only_the_web_is_published_and_only_to_a_proxy_on_this_machine() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:8000:8000"]}


def test_the_image_holds_every_app_and_nothing_of_development() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if not line.startswith("#")]
    admitted = {pattern[1:] for pattern in patterns if pattern.startswith("!")}
    packages = {app.partition(".")[0] for app in settings.INSTALLED_APPS}
    apps = {package for package in packages if (ROOT / package).is_dir()}
    assert patterns[0] == "*"
    assert admitted == apps | {"manage.py", "requirements.txt"}
    assert not admitted & {"devstack", "tests", "bench", ".env"}


def test_the_image_installs_the_products_requirements_and_runs_as_nobody_special() -> None:
    assert re.findall(r"[\w-]+\.txt", DOCKERFILE) == ["requirements.txt", "requirements.txt"]
    user, command = DOCKERFILE.rindex("\nUSER campusg\n"), DOCKERFILE.rindex("\nCMD [")
    assert user < command
    assert "ENTRYPOINT" not in DOCKERFILE
