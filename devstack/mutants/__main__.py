"""`make mutants`: take each guard away in a copy of the checkout, and see its test fail."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from devstack.mutants import Guard, guards, page
from devstack.mutants.verdicts import Verdict, last_line, printed, verdict
from devstack.stripe import CHECKOUT

#: A mutant may well make its test wait for what never comes.
PATIENCE = 300  # seconds


def main() -> int:
    """Exit codes: 0 every guard is needed, 1 one is not, or the tests fail with all in place."""
    options = _options()
    if options.page:
        sys.stdout.write(page())
        return 0
    wanted = [one for one in guards() if not options.names or one.name in options.names]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copy = Path(folder)
        _copy_checkout(copy)
        code, said = _tested(copy, [one.test for one in wanted])
        if code:
            print(f"{said}\nWith every guard in place these tests have to pass.")
            return 1
        verdicts = [_tried(one, copy) for one in wanted]
    print(printed(verdicts))
    print(last_line(verdicts))
    return 0 if all(one.needed for one in verdicts) else 1


def _tried(guard: Guard, copy: Path) -> Verdict:
    begun = time.monotonic()
    with guard.removed(copy):
        code, said = _tested(copy, [guard.test])
    found = verdict(guard, code, said, time.monotonic() - begun)
    if not found.needed:
        print(said)
    print(f"{guard.name}: {found.word}", file=sys.stderr)
    return found


def _tested(copy: Path, tests: list[str]) -> tuple[int, str]:
    # The directory it is started in comes first on Python's path, before the checkout itself.
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", *tests]
    # Python takes a file of the same second and the same size for unchanged.
    env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            argv, cwd=copy, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as late:
        return 1, f"no end after {late.timeout} s"
    return done.returncode, done.stdout + done.stderr


def _copy_checkout(copy: Path) -> None:
    """As it stands in the working tree, what is not committed yet included."""
    argv = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, check=True)
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (CHECKOUT / name).exists():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, copy / name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="GUARD", help="these only")
    parser.add_argument("--page", action="store_true", help="print docs/guards.md")
    options = parser.parse_args()
    known = [one.name for one in guards()]
    if unknown := set(options.names) - set(known):
        parser.error(f"no guard {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
