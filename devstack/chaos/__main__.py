"""`python -m devstack.chaos [--orders N] [--minutes M] [--every S] [--seed N] [--keep]`, or `make
chaos`."""

import sys
from dataclasses import replace

from devstack.chaos.between import Between
from devstack.chaos.mischief import WORKERS, Chaos
from devstack.play.endurance import endure


def main() -> int:
    """The exit code of `perform`."""
    with Between() as between:
        return endure(
            "chaos",
            __doc__,
            minutes=5.0,
            every=2.0,
            mischief=lambda stage, random, every: Chaos(stage, random, every, between.proxies),
            plan=lambda plan: replace(
                plan, workers=WORKERS, settings="devstack.chaos.settings", reached=between.reached
            ),
        )


if __name__ == "__main__":
    sys.exit(main())
