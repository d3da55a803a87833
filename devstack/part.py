"""What every embedded server has in common: a name, a URL variable, a home folder, a port."""

import importlib.util
import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGTERM, Signals
from typing import ClassVar

from devstack.errors import StackError
from devstack.process import OURSELVES, Account


@dataclass(frozen=True)
class Launch:
    """A command, and what it needs around it."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)
    account: Account = OURSELVES


class Part(ABC):
    """One server: how it is found, launched and asked whether it is ready."""

    name: ClassVar[str]
    variable: ClassVar[str]  # the environment variable that carries its URL
    stop_signal: ClassVar[Signals] = SIGTERM

    def __init__(self, home: Path, port: int) -> None:
        self.home = home
        self.port = port

    @property
    def data(self) -> Path:
        """The folder that outlives a stop."""
        return self.home / "data"

    @property
    def log(self) -> Path:
        """Everything the server prints."""
        return self.home / f"{self.name}.log"

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect."""

    @property
    def environment(self) -> dict[str, str]:
        """What a client needs in its environment."""
        return {self.variable: self.url}

    @abstractmethod
    def launch(self) -> Launch:
        """The command that runs the server; its data is made first if there is none.

        Raises StackError when the server is not installed or its data cannot be made.
        """

    @abstractmethod
    def ready(self) -> bool:
        """Whether it answers a real request, not only the port."""

    def settle(self) -> None:  # noqa: B027
        """What is left to do once it answers; by default nothing."""


def on_path(name: str, at_least: tuple[int, ...]) -> Path | None:
    """The server `name` on PATH, links resolved, if it is new enough to use."""
    found = shutil.which(name)
    if found is None:
        return None
    binary = Path(found).resolve()
    return binary if version_of(binary) >= at_least else None


def version_of(binary: Path) -> tuple[int, ...]:
    """The first number with a dot that `binary --version` prints; () when it prints none."""
    try:
        answer = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    number = re.search(r"\d+(\.\d+)+", answer.stdout)
    return tuple(map(int, number[0].split("."))) if number else ()


def in_wheel(package: str, pattern: str) -> Path | None:
    """The file matching `pattern` in an installed package, which is found but not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        return None
    return next(Path(spec.origin).parent.glob(pattern), None)


def not_found(server: str, variable: str) -> StackError:
    """The error for a server that is neither given, nor on PATH, nor in a wheel."""
    return StackError(
        f"No {server} found: run `pip install -r devstack/requirements.txt`, put one on PATH, "
        f"or set {variable} to a running one."
    )


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log, for a person to read."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"    {line}" for line in lines[-count:]) or "    (it printed nothing)"


def inherited() -> dict[str, str]:
    """Our environment without what would steer a PostgreSQL program elsewhere."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")}
