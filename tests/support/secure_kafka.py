"""An Apache Kafka that asks for a login, in the clear and over TLS with an authority of the tests' own."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import trustme
from aiokafka.conn import create_conn
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from cryptography.hazmat.primitives import serialization

from tests.support.apache_kafka import NOT_FOUND, ApacheKafka, kafka_libs
from tests.support.ports import free_port, wait_for_port

USER, PASSWORD = "ann", "correct-horse"
GUEST, GUEST_PASSWORD = "guest", "guest-secret"
"""May log in, by PLAIN, and do nothing else."""

_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
# Kafka's numbers for kinds of resources, for how their names are meant, and for what may be done.
_TOPIC, _GROUP, _LITERAL, _READ, _ALLOW = 2, 3, 3, 3, 3
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"


class SecureKafka:
    """The broker, and what a client needs."""

    def __init__(self, libs: Path, folder: Path) -> None:
        """Make keys and users, and format the storage in `folder`; nothing runs yet."""
        self.ports = {name: free_port() for name in ("SASL_PLAINTEXT", "SASL_SSL", "SSL")}
        """By security protocol; `SSL` asks clients for a certificate."""
        self.ca_file = folder / "ca.pem"
        self.other_ca_file = folder / "other.pem"
        """An authority that has nothing to do with the broker."""
        self.client_cert, self.client_key = folder / "client.pem", folder / "client.key"
        authority, keystore = trustme.CA(), folder / "broker.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        trustme.CA().cert_pem.write_to_path(str(self.other_ca_file))
        _pkcs8(authority.issue_cert("127.0.0.1"), keystore)
        client = authority.issue_cert("client.example")
        client.private_key_pem.write_to_path(str(self.client_key))
        client.cert_chain_pems[0].write_to_path(str(self.client_cert))
        settings: dict[str, object] = {
            "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": keystore,
            "ssl.truststore.type": "PEM",
            "ssl.truststore.location": self.ca_file,
            "listener.name.ssl.ssl.client.auth": "required",
            "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^.*$/client/",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            # The tests' own client speaks in the clear, and so does the broker to itself.
            "super.users": f"User:ANONYMOUS;User:{USER};User:client",
        }
        for protocol in ("sasl_plaintext", "sasl_ssl"):
            listener = f"listener.name.{protocol}"
            users = f'user_{USER}="{PASSWORD}" user_{GUEST}="{GUEST_PASSWORD}"'
            settings[f"{listener}.plain.sasl.jaas.config"] = f"{_PLAIN} required {users};"
            for mechanism in ("scram-sha-256", "scram-sha-512"):
                settings[f"{listener}.{mechanism}.sasl.jaas.config"] = f"{_SCRAM} required;"
        format_with = ["--standalone"] + [
            argument
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
            for argument in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
        ]
        self.broker = ApacheKafka(
            libs, folder, listeners=self.ports, settings=settings, format_with=format_with
        )

    def uri(self, protocol: str, topic: str) -> str:
        """The address of a topic, read by a group of its own."""
        return f"kafka://127.0.0.1:{self.ports[protocol]}/{topic}?group=g-{topic}"

    async def allow(self, user: str, *, topic: str = "", group: str = "") -> None:
        """Let a user read a topic, or use a group."""
        kind, name = (_TOPIC, topic) if topic else (_GROUP, group)
        rule = (kind, name, _LITERAL, f"User:{user}", "*", _READ, _ALLOW)
        (reply,) = (await self._ask(CreateAclsRequest(*rule))).creation_responses
        assert reply[0] == 0, reply

    async def forbid(self, user: str, *, group: str) -> None:
        """Take back what `allow` gave."""
        rule = (_GROUP, group, _LITERAL, f"User:{user}", "*", _READ, _ALLOW)
        (reply,) = (await self._ask(DeleteAclsRequest(*rule))).filter_responses
        assert reply[0] == 0 and len(reply[2]) == 1, reply

    async def _ask(self, request: CreateAclsRequest | DeleteAclsRequest) -> Any:  # noqa: ANN401  # no types
        connection = await create_conn(self.broker.host, self.broker.port)
        try:
            return await connection.send(request)
        finally:
            connection.close()


def _pkcs8(issued: trustme.LeafCert, path: Path) -> None:
    """A key and its certificates in one file, the key in the one encoding that Kafka reads."""
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(encoded + b"".join(cert.bytes() for cert in issued.cert_chain_pems))


@contextlib.contextmanager
def start_secure_kafka() -> Iterator[SecureKafka]:
    """Such a broker on free ports; killed, and its folder removed, at the end."""
    libs = kafka_libs()
    if libs is None:
        raise RuntimeError(NOT_FOUND)
    with tempfile.TemporaryDirectory(prefix="watchfloor-kafka-") as folder:
        kafka = SecureKafka(libs, Path(folder))
        try:
            kafka.broker.start()
            for port in kafka.ports.values():
                wait_for_port(port)
            yield kafka
        finally:
            kafka.broker.kill()
