"""The proxy: passes what it is given, and breaks it in each way on demand."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

from devstack.chaos.proxy import CALM, HOST, Mood, Network, Proxy
from devstack.process import wait_until
from devstack.state import free_port


class Echo(StreamRequestHandler):
    """Answers each line with itself; `where` with its own address, as a Kafka broker does."""

    def handle(self) -> None:
        for line in self.rfile:
            port = struct.pack(">i", self.server.server_address[1])
            self.wfile.write(HOST.encode() + port if line == b"where\n" else line)


@pytest.fixture
def server() -> Iterator[int]:
    with ThreadingTCPServer((HOST, 0), Echo) as echo:
        echo.daemon_threads = True
        threading.Thread(target=echo.serve_forever, args=(0.02,), daemon=True).start()
        yield echo.server_address[1]
        echo.shutdown()


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as network:
        yield network


@pytest.fixture
def proxy(network: Network, server: int) -> Proxy:
    return network.front("echo", server)


def client_of(proxy: Proxy) -> socket.socket:
    return socket.create_connection((HOST, proxy.port), timeout=5)


def connect_and_listen(proxy: Proxy) -> bytes:
    with closing(client_of(proxy)) as client:
        return client.recv(1)


def asked(client: socket.socket, line: bytes) -> bytes:
    client.sendall(line)
    return client.recv(1024)


def test_what_goes_in_comes_out_in_both_directions(proxy: Proxy) -> None:
    with closing(client_of(proxy)) as client:
        much = b"x" * 300_000 + b"\n"
        client.sendall(much)
        client.shutdown(socket.SHUT_WR)
        came = b""
        while piece := client.recv(65536):
            came += piece
    assert came == much
    assert not proxy.counts


def test_a_client_s_end_reaches_the_server_and_the_server_s_the_client(proxy: Proxy) -> None:
    with closing(client_of(proxy)) as client:
        assert asked(client, b"one\n") == b"one\n"
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10) == b""


def test_a_delay_holds_back_each_piece(proxy: Proxy) -> None:
    proxy.feel(Mood(delay=0.1))
    with closing(client_of(proxy)) as client:
        began = time.monotonic()
        assert asked(client, b"slow\n") == b"slow\n"
        assert time.monotonic() - began >= 0.2  # there and back


def test_silence_tells_nobody_and_loses_nothing(proxy: Proxy) -> None:
    with closing(client_of(proxy)) as client:
        assert asked(client, b"one\n") == b"one\n"
        proxy.feel(Mood(silent=True))
        client.settimeout(0.2)
        with pytest.raises(TimeoutError):
            asked(client, b"two\n")
        proxy.feel(CALM)
        client.settimeout(5)
        assert client.recv(10) == b"two\n"


def test_a_refused_connection_is_reset_and_the_next_one_is_not(proxy: Proxy) -> None:
    proxy.feel(Mood(refuse=True))
    with pytest.raises(ConnectionResetError):
        connect_and_listen(proxy)
    proxy.feel(CALM)
    with closing(client_of(proxy)) as client:
        assert asked(client, b"again\n") == b"again\n"
    assert proxy.counts == {"refused": 1}


def test_a_reset_breaks_every_open_connection(proxy: Proxy) -> None:
    with closing(client_of(proxy)) as one, closing(client_of(proxy)) as other:
        for client in (one, other):
            assert asked(client, b"here\n") == b"here\n"
        proxy.reset()
        for client in (one, other):
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    assert proxy.counts == {"resets": 2}


def test_a_reply_is_cut_in_the_middle_though_the_server_has_heard_the_request(
    proxy: Proxy,
) -> None:
    proxy.feel(Mood(cut=1.0))
    with closing(client_of(proxy)) as client:
        client.sendall(b"12345678\n")
        assert wait_until(lambda: proxy.counts == {"cuts": 1}, 5)
        # A reset may forget what was on its way.
        with suppress(ConnectionResetError):
            assert client.recv(10) == b"1234"
            assert client.recv(10) == b""


def test_a_server_that_is_away_is_away_behind_its_proxy(network: Network) -> None:
    with pytest.raises(ConnectionResetError):
        connect_and_listen(network.front("nobody", free_port()))


def test_a_server_that_names_its_own_port_is_heard_to_name_the_proxy_s(
    network: Network, server: int
) -> None:
    proxy = network.front("broker", server, named=True)
    with closing(client_of(proxy)) as client:
        assert asked(client, b"where\n") == HOST.encode() + struct.pack(">i", proxy.port)


def test_the_end_of_the_network_ends_its_connections(server: int) -> None:
    with Network() as network:
        client = client_of(network.front("echo", server))
        assert asked(client, b"here\n") == b"here\n"
    with closing(client):
        assert wait_until(lambda: over(client), 5)


def over(client: socket.socket) -> bool:
    """Whether the other end has gone."""
    try:
        return client.recv(1) == b""
    except ConnectionResetError:
        return True
