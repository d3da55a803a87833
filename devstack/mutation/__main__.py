"""`make mutation`: plant mutants of the money and of the engine, and see the tests notice them."""

import argparse
import json
import sys
import time

import pytest

from devstack.mutation import CHECKOUT, SCOPES, Mutant
from devstack.mutation.finding import mutants_of
from devstack.mutation.telling import last_line, page, reason, survivor, told
from devstack.mutation.trying import Trial, Verdict

#: The mutants that the last run of a scope killed, for `--again`.
KILLED = CHECKOUT / ".campusg"
#: The share that has to be killed.
ENOUGH = 0.9


def main() -> int:
    """Exit codes: 0 if 90 % of each scope are killed and every survivor has its reason, else 1."""
    options = _options()
    if options.page:
        sys.stdout.write(page())
        return 0
    killed = of = 0
    good = True
    for scope in [options.scope] if options.scope else SCOPES:
        noticed, verdicts = _try(scope, options)
        left = [one for one in verdicts if not one.killer]
        tried = noticed + len(left)
        print(f"\n{scope}: what survived\n" + "\n".join(map(survivor, left)))
        print(f"{scope}: {last_line(noticed, tried)}")
        good &= noticed >= ENOUGH * tried and all(reason(one.mutant) for one in left)
        killed, of = killed + noticed, of + tried
    print(last_line(killed, of))
    return 0 if good and of else 1


def _try(scope: str, options: argparse.Namespace) -> tuple[int, list[Verdict]]:
    """How many of the scope's mutants are killed, and what came of those that were tried now."""
    mutants = _sample(scope, options)
    record = KILLED / f"mutation-{scope}.json"
    before = set(json.loads(record.read_text()) if options.again and record.exists() else ())
    wanted = [one for one in mutants if one.name not in before]
    print(f"{scope}: {len(wanted)} mutants, seed {options.seed}", flush=True)

    def tell(verdict: Verdict, number: int) -> None:
        print(told(verdict, number, len(wanted)), flush=True)

    until = time.monotonic() + 60 * options.minutes
    trial = Trial(wanted, SCOPES[scope].paths, until, tell)
    tests = options.tests or SCOPES[scope].tests.split()
    pytest.main(["-q", "-p", "no:randomly", "--timeout", "0", *tests], plugins=[trial])
    dead = before | {one.mutant.name for one in trial.verdicts if one.killer}
    record.write_text(json.dumps(sorted(dead)))
    return len(dead.intersection(one.name for one in mutants)), trial.verdicts


def _sample(scope: str, options: argparse.Namespace) -> list[Mutant]:
    """So many mutants; more with the same seed are these and others."""
    changes = [change for file in SCOPES[scope].paths for change in mutants_of(file)]
    changes.sort(key=lambda change: change.lot(options.seed))
    chosen = changes[: options.sample]
    at = options.at or ""
    return [one.written() for one in chosen if f"{one.file}:{one.line}".startswith(at)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m devstack.mutation", description=__doc__)
    parser.add_argument("scope", nargs="?", choices=SCOPES, help="all without")
    parser.add_argument("--sample", type=int, default=250, metavar="N", help="so many (250)")
    parser.add_argument("--seed", type=int, default=1, help="chooses which (1)")
    parser.add_argument("--minutes", type=float, default=60, help="a scope, at most (60)")
    parser.add_argument("--again", action="store_true", help="only what survived the last time")
    parser.add_argument("--at", metavar="FILE[:LINE]", help="of those only what is there")
    parser.add_argument("--tests", nargs="+", metavar="TEST", help="by these tests only")
    parser.add_argument("--page", action="store_true", help="print docs/mutation.md")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
