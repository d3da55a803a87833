"""A browser for the tests: named by BROWSER, found on PATH, or brought by an npm package.

Playwright's own browsers come from a server that many networks can't reach. @sparticuz/chromium is
Chromium's headless shell for Linux on x86-64, packed with the libraries it needs; MIT and BSD.
"""

import hashlib
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from devstack.errors import StackError
from devstack.stack import DEFAULT_FOLDER

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PACKAGE = "@sparticuz/chromium@147.0.0"
SHA256 = "18fe5404ce845594cd7d592fc07f37a19514079ba4d9c27192ad8b908743f16b"
HOME = DEFAULT_FOLDER / "browser"
WITHIN = 120.0  # seconds for npm to bring 68 MB
# Python has no brotli; node, which npm needs, has.
UNPACK = (
    "const [from, to] = process.argv.slice(1), fs = require('fs');"
    "require('stream').pipeline(fs.createReadStream(from),"
    " require('zlib').createBrotliDecompress(), fs.createWriteStream(to),"
    " error => { if (error) throw error })"
)


class Browser(NamedTuple):
    """A Chromium to launch, and what it needs in its environment."""

    path: Path
    env: dict[str, str]


def browser() -> Browser:
    """The browser to test with. Raises StackError, which says how to get one."""
    named = os.environ.get("BROWSER")
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return Browser(Path(found), {})
    if named:
        raise StackError(f"BROWSER is {named}, and no such program is there.")
    if not (HOME / "chromium").exists():
        _bring()
    return Browser(HOME / "chromium", {"LD_LIBRARY_PATH": str(HOME / "lib")})


def _bring() -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    fits = (platform.system(), platform.machine()) == ("Linux", "x86_64")
    if not (npm and node and fits):
        raise StackError(
            "There is no browser: install chromium (Debian: apt-get install chromium) or npm, "
            "or name one in BROWSER."
        )
    HOME.mkdir(parents=True, exist_ok=True)
    try:
        _run(npm, "pack", PACKAGE, "--silent", "--pack-destination", HOME)
        (packed,) = HOME.glob("*.tgz")
        if hashlib.sha256(packed.read_bytes()).hexdigest() != SHA256:
            packed.unlink()
            raise StackError(f"{PACKAGE} is not what it was when it was chosen.")
        _run("tar", "xzf", packed, "-C", HOME)
        binaries = HOME / "package" / "bin"
        _run(node, "-e", UNPACK, binaries / "al2023.tar.br", HOME / "libraries.tar")
        _run("tar", "xf", HOME / "libraries.tar", "-C", HOME)
        _run(node, "-e", UNPACK, binaries / "chromium.br", HOME / "unpacked")
        (HOME / "unpacked").chmod(0o755)
        # Under its name only when it is whole.
        (HOME / "unpacked").rename(HOME / "chromium")
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise StackError(
            f"No browser is installed, and npm could not bring one: {error}"
        ) from error


def _run(*argv: str | Path) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=WITHIN)
