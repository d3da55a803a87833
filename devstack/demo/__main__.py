"""`python -m devstack.demo [--keep] [--orders N] [--seed N]`, or `make demo`."""

import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path

import psycopg2
import requests

from devstack.demo.house import Inhabited
from devstack.demo.play import STOPPED, Play
from devstack.demo.show import Board
from devstack.errors import AlreadyRunning, StackError
from devstack.foreground import until_told_to_stop
from devstack.stack import DEFAULT_FOLDER

FOLDER = DEFAULT_FOLDER / "demo"


def main() -> int:
    """Exit codes: 0 proven, 1 not, 2 something is in the way, 130 stopped by Ctrl-C."""
    board = Board(time.monotonic())
    parser = ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running afterwards")
    parser.add_argument("--orders", type=_count, default=200, help="how many (200)")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another lunch (1)")
    parser.add_argument("--state-dir", type=Path, default=FOLDER, help="where its data stands")
    options = parser.parse_args()
    folder = options.state_dir.resolve()
    play = Play(board, folder, options.orders, options.seed, options.keep)
    try:
        with until_told_to_stop():
            play.run()
    except AlreadyRunning as error:
        stop = f"manage.py devstack stop --state-dir {folder}"
        print(f"{error} End it with Ctrl-C in its terminal, or: {stop}", file=sys.stderr)
        return 2
    except Inhabited as error:
        print(error, file=sys.stderr)
        return 2
    except (StackError, psycopg2.Error, requests.RequestException) as error:
        board.end(f"FAILED: {error}")
        return 1
    if play.ending == STOPPED:
        board.end("stopped")
    return play.ending


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text} is no number of orders")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
