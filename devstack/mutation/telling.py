"""What came of the mutants, in words; and which of them may live, with the reason."""

import tomllib
from pathlib import Path

from devstack.mutation import Mutant
from devstack.mutation.trying import Verdict

KEPT = Path(__file__).with_name("kept.toml")


def reason(mutant: Mutant) -> str:
    """Why it may live, from `kept.toml`; nothing if nobody has given one."""
    change = (mutant.file, "\n".join(mutant.removed), "\n".join(mutant.added))
    return next(
        (one["why"] for one in _kept() if (one["file"], one["old"], one["new"]) == change), ""
    )


def told(verdict: Verdict, number: int, of: int) -> str:
    """What became of one mutant: a line, and of a survivor what it changes and its reason."""
    seconds = f"({verdict.seconds:.1f} s)"
    if verdict.killer:
        return f"{number}/{of} {verdict.mutant} killed by {verdict.killer} {seconds}"
    return f"{number}/{of} {survivor(verdict)} {seconds}"


def survivor(verdict: Verdict) -> str:
    """Its place, its diff and its reason."""
    passed = f"though {verdict.tests} tests pass there" if verdict.tests else "no test passes there"
    why = reason(verdict.mutant) or "no reason is given: write a test, or give one"
    return f"{verdict.mutant} SURVIVED, {passed}\n{verdict.mutant.diff}\n  {why}"


def last_line(killed: int, of: int) -> str:
    """`mutation: 243 of 250 killed (97 %)`."""
    return f"mutation: {killed} of {of} killed ({100 * killed / of if of else 0:.0f} %)"


_HEAD = """\
# Mutants

`make mutation` changes the code of the money and of the engine a little, hundreds of times over: a
comparison, a sign, an argument, a constant, a key of a dict. Each time some test has to fail.

- A seeded sample of 250 for each scope; `ARGS="money"` or `"engine"` for one, `--sample`, `--seed`
  and `--minutes` for another size. A larger sample with the same seed holds the smaller.
- `--again` tries only what survived the last time, `--at payments/refunds.py` only what is there,
  `--tests tests/payments` by those tests only.
- It ends with `mutation: K of N killed (P %)`, and fails below 90 % or if a survivor has no reason.

Left out by rule, as no test should have to tell: texts for people (errors, log lines, any literal
of several words), annotations and other names for types, decorators, defaults and class bodies,
crash points (`make crashtest` is for them), `__str__` and `__repr__`, `strict=`, `update_fields=`,
`batch_size=`. Why it is built so: [decision 21](decisions/0021-mutants-in-forks.md). The database's
own rules are broken one by one in `make test`: [database-rules.md](database-rules.md).

## Those that may live

They count as survivors all the same. This list is `devstack/mutation/kept.toml`, and this page is
made of it: `python -m devstack.mutation --page > docs/mutation.md`.

| where | it does | instead of | and no test tells, because |
|---|---|---|---|
"""


def page() -> str:
    """`docs/mutation.md`."""
    return _HEAD + "".join(
        f"| `{one['file']}` | {_code(one['new'])} | {_code(one['old'])} | {one['why']} |\n"
        for one in _kept()
    )


def _code(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.strip().splitlines())
    return "<br>".join(f"`{line.replace('|', chr(92) + '|')}`" for line in lines) or "nothing"


def _kept() -> list[dict[str, str]]:
    kept: list[dict[str, str]] = tomllib.loads(KEPT.read_text())["mutant"]
    return kept
