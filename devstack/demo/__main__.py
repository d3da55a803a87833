"""`python -m devstack.demo [--keep] [--orders N] [--seed N]`, or `make demo`."""

import sys
import time

from devstack.demo.play import Lunch
from devstack.play.command import count, options, perform
from devstack.play.show import Board
from devstack.stack import DEFAULT_FOLDER


def main() -> int:
    """The exit code of `perform`."""
    began = time.monotonic()
    parser = options("demo", __doc__, DEFAULT_FOLDER / "demo")
    parser.add_argument("--orders", type=count, default=200, help="how many (200)")
    asked = parser.parse_args()
    folder = asked.state_dir.resolve()
    return perform(Lunch(Board("demo", began), folder, asked.orders, asked.seed, asked.keep))


if __name__ == "__main__":
    sys.exit(main())
