"""Until when a node's own certificate is valid, told by a handshake with itself in memory."""

import ssl
from datetime import UTC, datetime

from dicom_node.network.tls import TlsFiles, server_context

_ROUNDS = 10


def expires_at(files: TlsFiles) -> datetime:
    """Return when the certificate of these files ends.

    Raises
    ------
    ConfigurationError
        A file cannot be read.
    ssl.SSLCertVerificationError
        The certificate has ended already, or has not begun.
    """
    serving = server_context(files)
    serving.verify_mode = ssl.CERT_NONE
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname = False
    asking.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN  # the certificate itself
    asking.load_verify_locations(files.certificate)
    told = str(_peer_certificate(serving, asking)["notAfter"])
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(told), UTC)


def _peer_certificate(serving: ssl.SSLContext, asking: ssl.SSLContext) -> dict[str, object]:
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = (
        asking.wrap_bio(down, up, server_side=False),
        serving.wrap_bio(up, down, server_side=True),
    )
    for _ in range(_ROUNDS):
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return dict(sides[0].getpeercert() or {})
