"""`python -m devstack.demo [--keep] [--orders N] [--seed N]`, or `make demo`."""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError

import psycopg2
import requests

from devstack.demo.house import Inhabited
from devstack.demo.play import Play
from devstack.demo.show import Board
from devstack.errors import AlreadyRunning, StackError
from devstack.foreground import until_told_to_stop


def main() -> int:
    """Exit codes: 0 proven, 1 not, 2 something is in the way, 130 stopped by Ctrl-C."""
    board = Board(time.monotonic())
    parser = ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running afterwards")
    parser.add_argument("--orders", type=_count, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another lunch (1)")
    play = Play(board=board, **vars(parser.parse_args()))
    try:
        with until_told_to_stop():
            play.run()
    except (AlreadyRunning, Inhabited) as error:
        print(error, file=sys.stderr)
        return 2
    except (StackError, psycopg2.Error, requests.RequestException) as error:
        board.end(f"FAILED: {error}")
        return 1
    return play.ending


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text} is no number of orders")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
