"""Who may import whom is a rule only if breaking it is noticed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("users", "orders", "payments", "escrow", "scheduler")
PACKAGES = (*APPS, "campusg", "events", "sagas", "devstack")

PLANTS = [
    *[(f"{app}/services.py", f"import {other}.services", f"{app} knows no other app")
      for app, other in zip(APPS, (*APPS[1:], APPS[0]), strict=True)],
    ("sagas/engine/local.py", "import orders.services", "The engine knows no app"),
    ("sagas/create_order.py", "import payments.models", "An app's models are its own"),
    ("orders/services.py", "import sagas.create_order", "Who may import whom"),
    ("payments/services.py", "import stripe", "Only the gateway talks to Stripe"),
    ("sagas/tasks.py", "import devstack.stack", "The product runs without the development"),
]  # fmt: skip


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    lint_imports = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint_imports, "--no-cache"], cwd=tree, capture_output=True, text=True, check=False
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the code that a test may spoil."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


@pytest.mark.parametrize(("file", "line", "contract"), PLANTS)
def test_a_forbidden_import_is_noticed(tree: Path, file: str, line: str, contract: str) -> None:
    with (tree / file).open("a") as source:
        source.write(f"\n{line}  # noqa\n")
    result = lint(tree)
    assert result.returncode != 0
    broken = [row for row in result.stdout.splitlines() if " BROKEN" in row]
    assert any(row.startswith(contract) for row in broken), result.stdout


def test_the_code_as_it_is_breaks_no_contract(tree: Path) -> None:
    result = lint(tree)
    assert result.returncode == 0, result.stdout
