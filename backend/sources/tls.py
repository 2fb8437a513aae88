"""The TLS context that a source's or target's config asks for."""

import ssl

from backend.sources.base import SourceError
from backend.sources.options import SourceOptions

_CERTIFICATE: dict[int, str] = {
    9: "it is not valid yet: compare this machine's clock with the server's",
    10: "renew the certificate on the server",
    18: "it is self-signed: name it, or the authority behind it, as ca_file under this source",
    19: "its authority is not known here: name that as ca_file under this source",
    20: "its authority is not known here: name that as ca_file under this source",
    62: "use the name the certificate is made out to, or have one made out to this name",
    64: "use the name the certificate is made out to, or have one made out to this address",
}
"""What to do by OpenSSL's verification code (X509_V_ERR_…)."""


def tls_context(name: str, options: SourceOptions) -> ssl.SSLContext:
    """Verify the server against `ca_file` or the system; show `cert_file` if one is set. Blocks on the disk.

    Raises:
        SourceError: a file is missing or holds no certificate or key.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
        if options.cert_file:
            context.load_cert_chain(options.cert_file, options.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SourceError(_unusable(name, options, error)) from error
    return context


def server_tls_context(name: str, options: SourceOptions) -> ssl.SSLContext | None:
    """TLS for a source that listens: with `cert_file`, and `ca_file` to ask senders for theirs. Blocks.

    None where the config has no certificate: then it listens in the clear.

    Raises:
        SourceError: TLS is asked for without a certificate, or a file holds no certificate or key.
    """
    if not options.cert_file:
        if options.tls or options.ca_file:
            raise SourceError(f"{name}: to listen with TLS it needs cert_file and key_file in the config")
        return None
    try:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.ca_file)
        if options.ca_file:
            context.verify_mode = ssl.CERT_REQUIRED
        context.load_cert_chain(options.cert_file, options.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SourceError(_unusable(name, options, error)) from error
    return context


def _unusable(name: str, options: SourceOptions, error: Exception) -> str:
    files = ", ".join(file for file in (options.ca_file, options.cert_file, options.key_file) if file)
    return f"{name}: TLS files {files} can't be used: {error}"


def certificate_mend(error: ssl.SSLCertVerificationError) -> str:
    """What to do about a server's certificate that is refused."""
    return _CERTIFICATE.get(error.verify_code, "give the authority to trust as ca_file under this source")
