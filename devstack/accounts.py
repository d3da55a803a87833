"""Which account PostgreSQL may run as: it refuses to run as root."""

import functools
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from devstack.errors import StackError
from devstack.process import OURSELVES, Account


def account_for(binaries: Path, home: Path) -> Account:
    """An account that is not root and reaches both folders, without changing any folder's mode.

    Raises StackError when we are root and the system offers no way down.
    """
    if os.geteuid() != 0:
        return OURSELVES
    if reachable_by_all(binaries) and reachable_by_all(home.parent):
        nobody = pwd.getpwnam("nobody")
        return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)
    if prefix := _user_namespace():
        return Account(prefix=prefix)
    raise StackError(
        f"PostgreSQL does not run as root, and the user 'nobody' cannot reach {binaries} and "
        f"{home}: start as an ordinary user, or put the checkout in a folder open to all."
    )


def reachable_by_all(folder: Path) -> bool:
    """Whether every user may pass through `folder` and all the folders above it."""
    folder = folder.resolve()
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))


@functools.cache
def _user_namespace() -> tuple[str, ...]:
    """A command prefix under which root looks like an ordinary user to the program, if allowed.

    Inside, files stay owned by root; containers often forbid it, hence the probe.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    prefix = (unshare, "--user", "--map-user=65534", "--map-group=65534")
    probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    return prefix if probe.returncode == 0 else ()


def hand_over(path: Path, account: Account) -> None:
    """Give `path` and all below it to `account`, unless it has it already."""
    owner = os.geteuid() if account.uid is None else account.uid
    group = os.getegid() if account.gid is None else account.gid
    if path.stat().st_uid == owner:
        return
    for each in (path, *path.rglob("*")):
        os.chown(each, owner, group, follow_symlinks=False)
