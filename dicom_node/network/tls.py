"""DICOM over TLS: the BCP 195 profile (PS3.15 Section B.12, RFC 9325).

TLS 1.2 or 1.3, forward secrecy and authenticated encryption only. Both sides show a certificate,
and each must lead to one that the administrator trusts: the host name says little on a DICOM
network, where peers are administered by address.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from dicom_node.errors import ConfigurationError

_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!PSK"


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where this node's certificate and key are, and whom it trusts; all PEM.

    ``verify_clients``: whether callers must show a certificate that leads to a trusted one.
    """

    certificate: Path
    private_key: Path
    trusted: Path
    verify_clients: bool = True


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return what a listening node needs.

    Raises
    ------
    ConfigurationError
        A file cannot be read, or the key does not fit the certificate.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, files)
    context.verify_mode = ssl.CERT_REQUIRED if files.verify_clients else ssl.CERT_NONE
    return context


def client_context(files: TlsFiles) -> ssl.SSLContext:
    """Return what a sending node needs.

    Raises
    ------
    ConfigurationError
        As for ``server_context``.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _context(protocol: int, files: TlsFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    # Who is trusted is trusted by itself, too: a peer's certificate without the authority's.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_ciphers(_CIPHERS)
    try:
        context.load_cert_chain(files.certificate, files.private_key)
        context.load_verify_locations(files.trusted)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"TLS: {files.certificate}, {files.private_key} and {files.trusted} must be readable "
            f"PEM files, and the key must fit the certificate ({error.strerror or error})."
        ) from error
    return context
