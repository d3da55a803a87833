"""What the pages say is what the code does."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
SETTINGS = ROOT / "campusg" / "settings"


def test_every_setting_read_from_the_environment_is_in_the_example() -> None:
    read = set()
    for module in SETTINGS.glob("*.py"):
        for call in ast.walk(ast.parse(module.read_text())):
            if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("env."):
                name = call.args[0]
                if isinstance(name, ast.Constant):
                    read.add(name.value)
    shown = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read - shown == set()
    assert shown - read == {"POSTGRES_PASSWORD"}, "shown but read by nobody"


def test_the_readme_shows_the_table_that_runs() -> None:
    source = (ROOT / "sagas" / "create_order.py").read_text()
    table = source[source.index("create_order = Saga(") :].strip()
    assert table in (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


def test_decisions_are_short_and_all_listed() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    for page in (ROOT / "docs" / "decisions").glob("0*.md"):
        assert len(page.read_text().splitlines()) <= 40, page.name
        assert page.name in index


def test_every_make_target_has_its_sentence() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"\.PHONY: (.*)", makefile)
    assert phony
    for target in phony[1].split():
        assert re.search(rf"^{target}:.*## \w.+\.", makefile, re.MULTILINE), target


def test_every_module_says_what_it_is_for() -> None:
    for package in ("campusg", "users", "orders", "payments", "escrow", "scheduler", "events",
                    "notifications", "sagas", "devstack"):  # fmt: skip
        for module in (ROOT / package).rglob("*.py"):
            if module.stat().st_size and "migrations" not in module.parts:
                assert ast.get_docstring(ast.parse(module.read_text())), module


def test_every_test_that_a_page_names_is_there() -> None:
    for page in PAGES:
        for file, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text()):
            assert f"def {name}(" in (ROOT / file).read_text(), f"{file}::{name}"


def test_each_defect_of_the_predecessor_that_concerns_an_order_s_life_names_a_test() -> None:
    page = (ROOT / "docs" / "upstream-defects.md").read_text()
    named = {int(row[1]) for row in re.finditer(r"^\| W(\d+) \|.*`tests/.*::", page, re.MULTILINE)}
    assert named >= {2, 3, 4, 5, 6, 7, 12, 13, 16, 17, 18, 24, 26, 27, 30, 31}
