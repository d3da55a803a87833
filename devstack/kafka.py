"""A Kafka broker from the noida-db wheel: one file of state, for development (ADR 0005)."""

import socket
import struct

from devstack.part import Launch, Part, in_wheel, inherited, not_found

# ApiVersions, version 0, from a client without a name: the first request of every Kafka client
# (https://kafka.apache.org/protocol#The_Messages_ApiVersions).
_REQUEST = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class Kafka(Part):
    """One broker on the loopback address; topics are made on first use or by our own command."""

    name = "kafka"
    variable = "KAFKA_BOOTSTRAP_SERVERS"

    @property
    def url(self) -> str:
        return f"127.0.0.1:{self.port}"

    def launch(self) -> Launch:
        binary = in_wheel("noida_db", "noida-db")
        if binary is None:
            raise not_found("Kafka", self.variable)
        self.data.mkdir(exist_ok=True)
        options = ["--only", "kafka", "--kafka-port", str(self.port), "--data-dir", str(self.data)]
        return Launch([str(binary), "start", *options], inherited())

    def ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(_REQUEST)
                return len(connection.recv(64)) > 4
        except OSError:
            return False
