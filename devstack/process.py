"""Child processes: tied to our life, told apart from namesakes, stopped for certain."""

import functools
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 15.0  # seconds between asking a process to stop and killing it


@dataclass(frozen=True)
class Account:
    """Who a child runs as: a user and group id, or a command that changes them first."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None


OURSELVES = Account()


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    log: Path,
    stop_signal: signal.Signals,
    account: Account = OURSELVES,
) -> subprocess.Popen[bytes]:
    """Start `argv` in a session of its own, its output appended to `log`.

    On Linux the kernel sends `stop_signal` when the *thread* that called this ends, however it
    ends, so call it from a thread that lives as long as the child should.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [*account.prefix, *leash(stop_signal), *argv],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd="/",
            start_new_session=True,
            user=account.uid,
            group=account.gid,
            extra_groups=None if account.uid is None else [],
        )


@functools.cache
def leash(stop_signal: signal.Signals) -> tuple[str, ...]:
    """The command prefix that ties a child's life to ours, where the system has one.

    util-linux's setpriv calls prctl(PR_SET_PDEATHSIG) after every change of user, which would
    clear it. It spares us code between fork and exec, which is unsafe once threads run.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return ()
    prefix = (setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--")
    probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else ()


def birth(pid: int) -> str | None:
    """When process `pid` was born, as text that no later process with this id shares.

    None when there is none, or only its unreaped remains.
    """
    if Path("/proc/self/stat").exists():
        try:
            # The second field is the program's name in brackets, which may hold anything.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if fields[0] in "ZX" else f"{boot}/{fields[19]}"
    listing = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    status, _, started = listing.stdout.strip().partition(" ")
    return None if not status or status.startswith("Z") else started.strip()


def children_of(pid: int) -> list[int]:
    """The ids of the processes that the first thread of process `pid` has started."""
    if Path("/proc/self/task").exists():
        try:
            known = Path(f"/proc/{pid}/task/{pid}/children").read_text()
        except OSError:  # It has ended meanwhile.
            return []
        return [int(child) for child in known.split()]
    listing = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False
    )
    pairs = (map(int, line.split()) for line in listing.stdout.splitlines())
    return [child for child, parent in pairs if parent == pid]


def end(process: subprocess.Popen[bytes], stop_signal: signal.Signals) -> None:
    """Stop a child of ours and reap it."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        process.send_signal(signal.SIGCONT)  # A paused process acts on no other signal.
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def end_stranger(pid: int, born: str, stop_signal: signal.Signals) -> None:
    """Stop a process that is not our child, if `pid` still is the process born then."""
    for number in (stop_signal, signal.SIGKILL):
        if birth(pid) != born:
            return
        try:
            os.kill(pid, number)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return
        wait_until(lambda: birth(pid) != born, PATIENCE)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` came true within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
