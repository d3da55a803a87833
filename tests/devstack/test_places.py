"""Where a stack may stand: as root, as nobody, on a full disk, in another user's folder."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack import accounts
from devstack.errors import StackError
from devstack.stack import Stack
from devstack.stripe import CHECKOUT
from tests.devstack.conftest import is_up

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can play another user")

START = """
import sys
from pathlib import Path
from devstack.errors import StackError
from devstack.stack import Stack
try:
    with Stack(Path(sys.argv[1]), ["postgres", "valkey"]) as stack:
        print(sorted(stack.env))
except StackError as error:
    sys.exit(str(error))
"""


def as_nobody(folder: Path) -> subprocess.CompletedProcess[str]:
    """Start and stop a stack in `folder` as the user nobody."""
    nobody = pwd.getpwnam("nobody")
    site = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{version}"):
        within_reach = os.path.exists(python) and all(
            accounts.reachable_by_all(each.resolve())
            for each in (Path(python).resolve().parent, site, CHECKOUT)
        )
        if within_reach:
            return subprocess.run(
                [python, "-c", START, folder],
                env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{CHECKOUT}:{site}"},
                user=nobody.pw_uid,
                group=nobody.pw_gid,
                extra_groups=[],
                cwd="/",
                capture_output=True,
                text=True,
                check=False,
            )
    pytest.skip("the user nobody reaches no Python of this version, or not the checkout")


@pytest.fixture
def small_disk(folder: Path) -> Iterator[Path]:
    """A file system of eight megabytes: enough for a broker, not for a database."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=755", "tmpfs", folder]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root, and not everywhere, can mount a small disk")
    yield folder
    subprocess.run(["umount", folder], check=True)


@as_root
def test_an_ordinary_user_needs_nothing_special(folder: Path) -> None:
    folder.mkdir()
    shutil.chown(folder, "nobody")
    done = as_nobody(folder)
    assert (done.stderr, done.stdout) == ("", "['DATABASE_URL', 'REDIS_URL']\n")


@as_root
def test_as_root_postgresql_runs_below_a_closed_folder_too(tmp_path: Path) -> None:
    if not accounts._user_namespace():
        pytest.skip("this system allows no user namespaces")
    tmp_path.chmod(0o700)
    with Stack(tmp_path / "state", ["postgres"]) as stack:
        assert is_up(stack.parts["postgres"].port)
        assert stack.parts["postgres"].data.stat().st_uid == 0
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@as_root
def test_as_root_with_no_way_down_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accounts, "_user_namespace", lambda: ())
    tmp_path.chmod(0o700)
    with pytest.raises(StackError, match="start as an ordinary user"):
        Stack(tmp_path / "state", ["postgres"]).start()


@as_root
def test_as_root_postgresql_runs_as_nobody_even_on_data_that_root_copied(folder: Path) -> None:
    with Stack(folder, ["postgres"]) as stack:
        assert stack.parts["postgres"].data.stat().st_mode & 0o777 == 0o700
    shutil.copytree(folder, copy := folder.with_name("copy"))
    with Stack(copy, ["postgres"]):
        pid = int((copy / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid


@as_root
def test_another_users_folder_is_refused_both_ways(folder: Path) -> None:
    folder.mkdir()
    assert f"{folder} was made by user 0 and you are" in as_nobody(folder).stderr
    shutil.chown(folder, "nobody")
    with pytest.raises(StackError, match="and you are 0"):
        Stack(folder, ["valkey"]).start()


def test_a_full_disk_is_named_and_what_had_started_is_stopped(small_disk: Path) -> None:
    stack = Stack(small_disk, ["valkey", "postgres"])
    with pytest.raises(StackError, match="No space left on device"):
        stack.start()
    assert not is_up(stack.parts["valkey"].port)


def test_a_read_only_disk_is_named(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StackError, match=rf"{small_disk}.*Read-only file system"):
        Stack(small_disk, ["valkey"]).start()


def test_a_place_where_no_folder_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StackError, match=r"file.*Not a directory"):
        Stack(tmp_path / "file" / "state", ["valkey"]).start()
