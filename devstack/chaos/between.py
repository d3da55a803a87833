"""The network between our processes and their servers: a proxy in front of each."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from devstack.chaos.proxy import Network

#: By the variable that names it: the server, and whether it tells its clients its own address.
SERVERS = {
    "REDIS_URL": ("valkey", False),
    "DATABASE_URL": ("postgres", False),
    "KAFKA_BOOTSTRAP_SERVERS": ("broker", True),
    "STRIPE_API_BASE": ("stripe", False),
}


class Between(Network):
    """A network in which every server is reached through a proxy."""

    def reached(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """The same servers, each at its proxy's port."""
        found = {}
        for variable, (name, named) in SERVERS.items():
            url = env[variable]
            port = urlsplit(url if "//" in url else f"//{url}").port
            assert port is not None, f"{variable} has no port"
            proxy = self.front(name, port, named=named)
            found[variable] = url.replace(f":{port}", f":{proxy.port}")
        return found
