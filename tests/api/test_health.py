"""What a supervisor asks: is it up, can it work."""

import pytest
from django.db import connection


def test_up_is_up_whatever_the_database_does(client):
    """Without the `db` fixture a query would fail this test."""
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_ready_means_that_the_database_answers(client):
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"database": True, "broker": True})
    assert "no-store" in response["Cache-Control"]


@pytest.mark.django_db
def test_a_broker_that_is_away_is_told_and_does_no_harm(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"database": True, "broker": False})


@pytest.mark.django_db
def test_without_the_database_it_is_not_ready(client, settings):
    """Every statement fails in a transaction that is broken."""
    with connection.cursor() as cursor, pytest.raises(Exception, match="division"):
        cursor.execute("SELECT 1 / 0")
    assert client.get("/readyz").status_code == 503
