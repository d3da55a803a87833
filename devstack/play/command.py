"""A play as a command: its options, what stops it, what is in its way, and its exit code."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Protocol

import psycopg2
import requests

from devstack.errors import AlreadyRunning, StackError
from devstack.foreground import until_told_to_stop
from devstack.play.house import Inhabited
from devstack.play.show import Board

STOPPED = 130  # what a shell says of a command that Ctrl-C ended


class Play(Protocol):
    """Whatever is played; `ending` is the exit code as far as it is known, STOPPED until then."""

    board: Board
    folder: Path
    ending: int

    def run(self) -> None:
        """From an empty folder to the verdict."""


def perform(play: Play) -> int:
    """Exit codes: 0 proven, 1 not, 2 something is in the way, 130 stopped by Ctrl-C."""
    try:
        with until_told_to_stop():
            play.run()
    except AlreadyRunning as error:
        stop = f"manage.py devstack stop --state-dir {play.folder}"
        print(f"{error} End it with Ctrl-C in its terminal, or: {stop}", file=sys.stderr)
        return 2
    except Inhabited as error:
        print(error, file=sys.stderr)
        return 2
    except (StackError, psycopg2.Error, requests.RequestException) as error:
        play.board.end(f"FAILED: {error}")
        return 1
    if play.ending == STOPPED:
        play.board.end("stopped")
    return play.ending


def options(name: str, description: str | None, folder: Path) -> ArgumentParser:
    """What every play can be asked."""
    parser = ArgumentParser(prog=f"make {name}", description=description)
    parser.add_argument("--keep", action="store_true", help="leave it running afterwards")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another lunch (1)")
    parser.add_argument("--state-dir", type=Path, default=folder, help="where its data stands")
    return parser


def count(text: str) -> int:
    """A number of orders. Raises ArgumentTypeError."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text} is no number of orders")
    return int(text)
