"""The Stripe sandbox: our own server for the part of Stripe's API that CampusG uses."""

import os
import sys
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from devstack.part import Launch, Part

CHECKOUT = Path(__file__).resolve().parent.parent
SANDBOX_KEY = "sk_test_campusg_sandbox"


def import_path() -> str:
    """PYTHONPATH for a child, so that it finds this checkout from any working folder."""
    return os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH")]))


class Stripe(Part):
    """One sandbox on the loopback address, its state in a folder of its own."""

    name = "stripe"
    variable = "STRIPE_API_BASE"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {**super().environment, "STRIPE_SECRET_KEY": self._key}

    @property
    def _key(self) -> str:
        return os.environ.get("STRIPE_SECRET_KEY") or SANDBOX_KEY

    def launch(self) -> Launch:
        self.data.mkdir(exist_ok=True)
        argv = [sys.executable, "-m", "devstack.stripe_sandbox"]
        argv += ["--port", str(self.port), "--state", str(self.data)]
        env = {"PYTHONPATH": import_path(), "STRIPE_SECRET_KEY": self._key}
        return Launch(argv, {**os.environ, **env})

    def ready(self) -> bool:
        try:
            with urlopen(f"{self.url}/healthz", timeout=1) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False
