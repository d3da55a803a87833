"""`make up`: the servers, the tables, the campus, and our own processes kept alive on them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from devstack.errors import StackError
from devstack.part import last_lines
from devstack.stack import Stack
from devstack.state import free_port, is_free, write_private
from devstack.stripe import CHECKOUT, import_path
from devstack.supervisor import Command, Supervisor

WEB_PORT = 8000
WEB_WITHIN = 30.0  # seconds from starting gunicorn to its first answer
Say = Callable[[str], None]


def up(stack: Stack, preparations: Sequence[str], say: Say) -> None:
    """Start everything, run the management commands `preparations`, then watch until stopped.

    Raises StackError when a server or a preparation fails.
    """
    with stack:
        env = {**os.environ, **stack.env, "PYTHONPATH": import_path()}
        said = {command: manage(command, env, stack.folder, say) for command in preparations}
        port = web_port(say)
        stack.tell({"SITE_URL": os.environ.get("SITE_URL") or f"http://127.0.0.1:{port}"})
        if "stripe" in stack.parts:
            stack.tell(webhooks(stack, port, env | stack.env, say))
        env |= stack.env
        supervisor = Supervisor(
            our_processes(env, stack.folder, port), say=say, on_change=stack.record
        )
        try:
            supervisor.start()
            wait_for_web(supervisor, port, say)
            say(welcome(stack, port) + said.get("seed_campus", ""))
            keep_alive(stack, say, also=supervisor.poll)
        finally:
            supervisor.stop()


def our_processes(env: dict[str, str], folder: Path, port: int) -> dict[str, Command]:
    """The processes of a deployment, each run by the plainest command that is safe."""
    modules = {
        "web": web("127.0.0.1", port, workers=2),
        "worker": ["celery", "-A", "campusg", "worker"],
        "beat": ["celery", "-A", "campusg", "beat"],
    }
    argv = {name: ["-m", *module] for name, module in modules.items()}
    for name, command in (("relay", "relay_events"), ("notifications", "consume_notifications")):
        argv[name] = [str(CHECKOUT / "manage.py"), command]
    return {
        name: Command([sys.executable, *rest], env, folder / f"{name}.log")
        for name, rest in argv.items()
    }


def web(host: str, port: int, *, workers: int) -> list[str]:
    """The site under its server: requests in threads, streams on the event loop."""
    bind = ["--bind", f"{host}:{port}", "--workers", str(workers)]
    return ["gunicorn", "campusg.asgi:application", *bind, "--worker-class", "asgi",
            "--no-control-socket", "--graceful-timeout", "10"]  # fmt: skip


def manage(command: str, env: dict[str, str], folder: Path, say: Say) -> str:
    """Run one management command, arguments and all, to its end; returns what it printed."""
    say(f"{command} …")
    log = folder / f"{command.replace(' ', '-')}.log"
    with log.open("wb") as output:
        done = subprocess.run(
            [sys.executable, str(CHECKOUT / "manage.py"), *command.split()],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        raise StackError(f"`manage.py {command}` failed; the end of {log}:\n{last_lines(log, 15)}")
    return log.read_text()


def webhooks(stack: Stack, port: int, env: dict[str, str], say: Say) -> dict[str, str]:
    """Have our own sandbox tell the site of its events: what it signs them with. It is asked once
    for each port and remembers it; so the answer is kept where the sandbox keeps its own state."""
    kept = stack.parts["stripe"].data / f"webhooks-{port}.env"
    if not kept.exists():
        said = manage("webhooks register", env, stack.folder, say)
        write_private(kept, said)
    return signing(kept)


def signing(log: Path) -> dict[str, str]:
    """What Stripe signs its webhooks with, as `manage.py webhooks register` says."""
    lines = log.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line.startswith("STRIPE_"))


def web_port(say: Say) -> int:
    """8000, or a free port when something else listens there."""
    if is_free(WEB_PORT):
        return WEB_PORT
    port = free_port()
    say(f"Port {WEB_PORT} is taken, so the site is at port {port}.")
    return port


def wait_for_web(supervisor: Supervisor, port: int, say: Say) -> None:
    """Return when the site takes connections, or after half a minute with a word about it."""
    deadline = time.monotonic() + WEB_WITHIN
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            supervisor.poll()
            time.sleep(0.1)
    say("The site does not answer yet.")


def keep_alive(stack: Stack, say: Say, also: Callable[[], None] = lambda: None) -> None:
    """Start again the servers that die, on their data, until an exception ends it."""
    while True:
        also()
        for name in stack.dead():
            say(f"{name} died; it starts again. Log: {stack.parts[name].log}")
            stack.restart(name)
        time.sleep(0.2)


def welcome(stack: Stack, port: int) -> str:
    """Where to go."""
    site = f"http://127.0.0.1:{port}"
    lines = [
        "",
        "CampusG is up. Ctrl-C stops it; the data stays.",
        "",
        f"  admin      {site}/admin/",
        f"  API        {site}/api/",
        f"  logs       {stack.folder}/*.log",
        f"  servers    {stack.folder}/env  (`manage.py` finds it by itself)",
        "",
    ]
    return "\n".join(lines)
