"""Who comes by finds the way; what a problem's type leads to explains it."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from django.test import Client

from campusg.api.problems import kinds
from campusg.errors import CampusGError
from tests.conftest import ROOT

pytestmark = pytest.mark.django_db
PAGES = ("/", "/problems", "/problems/order_taken")
#: Every module in which an error is declared.
DECLARING = [
    path.relative_to(ROOT)
    for app in ("campusg", "users", "orders", "payments", "escrow", "scheduler", "events", "sagas")
    for path in sorted((ROOT / app).rglob("*.py"))
    if re.search(r"^class \w+\((Refused|Conflict|Unavailable)\):", path.read_text(), re.MULTILINE)
]


def read(url: str) -> str:
    reply = Client().get(url)
    assert reply.status_code == 200, url
    return reply.content.decode()


@pytest.mark.parametrize("url", PAGES)
def test_every_link_leads_somewhere_and_nothing_runs_inline(url: str) -> None:
    page = read(url)
    for link in re.findall(r'href="(/[^"]*)"', page):
        reply = Client().get(link, follow=True)
        reply.close()  # a style sheet is sent from its open file
        assert reply.status_code == 200, link
    assert not re.search(r"<script|<style| style=| on\w+=", page)


def test_the_front_door_leads_to_the_api_its_description_and_the_admin() -> None:
    page = read("/")
    for url in ("/api/", "/api/docs", "/admin/", "/problems"):
        assert f'href="{url}"' in page


@pytest.mark.parametrize("module", DECLARING, ids=str)
def test_every_error_has_a_code_of_its_own_and_a_page(module: Path) -> None:
    declared = [
        error
        for error in vars(import_module(".".join(module.with_suffix("").parts))).values()
        if isinstance(error, type) and issubclass(error, CampusGError) and error is not CampusGError
    ]
    page = read("/problems")
    for error in declared:
        assert "code" in vars(error), error
        assert f'href="/problems/{error.code}"' in page
        assert kinds()[error.code].remedy in read(f"/problems/{error.code}").replace("&#x27;", "'")


def test_what_passes_by_itself_is_waited_for() -> None:
    assert "Retry-After" in kinds()["idempotency_key_in_use"].remedy
    assert "Retry-After" not in kinds()["order_taken"].remedy


def test_a_problem_that_is_none_has_no_page() -> None:
    assert Client().get("/problems/lunch").status_code == 404
