"""The TLS context that a source's or target's config asks for."""

import ssl

from backend.sources.base import SourceError
from backend.sources.options import SourceOptions


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
        files = ", ".join(file for file in (options.ca_file, options.cert_file, options.key_file) if file)
        raise SourceError(f"{name}: TLS files {files} can't be used: {error}") from error
    return context
