"""`python -m devstack.soak [--orders N] [--minutes M] [--every S] [--seed N] [--keep]`, or `make
soak`."""

import sys

from devstack.play.endurance import endure
from devstack.soak.killing import Killing


def main() -> int:
    """The exit code of `perform`."""
    return endure("soak", __doc__, minutes=60.0, every=30.0, mischief=Killing)


if __name__ == "__main__":
    sys.exit(main())
