"""Settings of a source that its address must not hold."""

import msgspec


class SourceOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the config knows of a source and its address must not: TLS and credentials."""

    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca_file: str | None = None
    """PEM bundle to trust instead of the system's."""
    cert_file: str | None = None
    key_file: str | None = None
    sasl_mechanism: str | None = None
    """PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; PLAIN where only a username is given."""
