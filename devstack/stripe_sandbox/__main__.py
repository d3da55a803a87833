"""Runs the sandbox: python -m devstack.stripe_sandbox --port 12111 --state DIR"""

import argparse
import errno
import fcntl
import signal
import sys
import threading
from pathlib import Path
from typing import NoReturn

from devstack.stripe_sandbox.sandbox import Sandbox
from devstack.stripe_sandbox.server import Server


def main() -> int:
    """Serves until SIGTERM or SIGINT. Returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="devstack.stripe_sandbox", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of the state file")
    parser.add_argument("--host", default="127.0.0.1")
    asked = parser.parse_args()
    asked.state.mkdir(parents=True, exist_ok=True)
    with (asked.state / "sandbox.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _give_up(f"another sandbox already runs on the state in {asked.state}.")
        _serve(asked.host, asked.port, asked.state)
    return 0


def _serve(host: str, port: int, state: Path) -> None:
    sandbox = Sandbox(state)
    try:
        server = Server((host, port), sandbox)
    except OSError as error:
        sandbox.store.close()
        if error.errno != errno.EADDRINUSE:
            raise
        _give_up(f"{host}:{port} is taken by another program; choose another --port.")

    def stop(*_: object) -> None:
        sandbox.stopping.set()
        # shutdown() waits for serve_forever(), which this signal has interrupted.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"Stripe sandbox on http://{host}:{port}, state in {state}", flush=True)
    with server:
        server.serve_forever(poll_interval=0.1)
    sandbox.store.close()


def _give_up(why: str) -> NoReturn:
    print(f"Stripe sandbox: {why}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    raise SystemExit(main())
