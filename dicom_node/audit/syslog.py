"""Audit records as syslog messages (RFC 5424), over TLS (RFC 5425) or UDP (RFC 5426).

PS3.15 Sections A.6 and A.7 say what the fields hold. There is no library for this that is kept, and
little of it is needed: one message a record, and the two ways of sending it.
"""

import os
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicom_node.audit.chain import Record
from dicom_node.audit.markup import read
from dicom_node.audit.message import Outcome
from dicom_node.errors import ConfigurationError

_SECURITY = 10  # the facility of security and authorization messages
_NOTICE, _WARNING = 5, 4
_MESSAGE_ID = "DICOM+RFC3881"
# The number that RFC 5612 reserves for whoever has no enterprise number.
_CHAIN = "chain@32473"
_LONGEST_DATAGRAM = 65_000
_SECONDS = 30.0
_ADDRESS = re.compile(r"(tls|udp)://(.+):([0-9]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Where records go, and by which certificates; the files are PEM."""

    scheme: str
    host: str
    port: int
    trusted: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return how to speak TLS with it.

        Raises
        ------
        ConfigurationError
            The certificates cannot be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.trusted)
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a server's own will do
            if self.certificate is not None:
                context.load_cert_chain(self.certificate, self.private_key)
        except OSError as error:
            words = getattr(error, "strerror", None) or str(error)
            raise ConfigurationError(
                f"the certificates of audit.syslog cannot be used: {words}"
            ) from error
        return context


def receiver_at(
    address: str, *, trusted: str = "", certificate: str = "", private_key: str = ""
) -> Receiver:
    """Return the receiver at ``tls://HOST:PORT`` or ``udp://HOST:PORT``.

    Raises
    ------
    ConfigurationError
        The address is none, or the certificates cannot be used.
    """
    found = _ADDRESS.fullmatch(address)
    if found is None or int(found[3]) not in range(1, 65536):
        raise ConfigurationError(
            f"audit.syslog {address}: write tls://HOST:PORT or udp://HOST:PORT."
        )
    if bool(certificate) != bool(private_key):
        raise ConfigurationError("audit.syslog_certificate needs audit.syslog_private_key too.")
    receiver = Receiver(
        scheme=found[1],
        host=found[2].strip("[]"),
        port=int(found[3]),
        trusted=Path(trusted) if trusted else None,
        certificate=Path(certificate) if certificate else None,
        private_key=Path(private_key) if private_key else None,
    )
    if receiver.scheme == "tls":
        receiver.context()
    return receiver


def syslog_message(record: Record, *, host: str, process: int) -> bytes:
    """Return a record as a syslog message.

    Raises
    ------
    ValueError
        Its audit message cannot be read.
    """
    message = read(record.message)
    severity = _NOTICE if message.outcome is Outcome.SUCCESS else _WARNING
    at = message.at.isoformat(timespec="milliseconds")
    chain = f'[{_CHAIN} number="{record.number}" digest="{record.digest}"]'
    header = f"<{_SECURITY * 8 + severity}>1 {at} {host} dicom-node {process} {_MESSAGE_ID} {chain}"
    return f"{header} \N{BYTE ORDER MARK}{record.message}".encode()


class Line(Protocol):
    """A way to a receiver."""

    def send(self, message: bytes) -> None:
        """Send a syslog message.

        Raises
        ------
        OSError
            It cannot be sent.
        """

    def check(self) -> None:
        """Make sure that the receiver is still there.

        Raises
        ------
        OSError
            It is not.
        """

    def close(self) -> None:
        """Take leave: whatever was sent has arrived when this returns without an error.

        Raises
        ------
        OSError
            The receiver did not confirm that.
        """


class TlsLine:
    """Syslog over TLS: each message behind its length (RFC 5425 Section 4.3)."""

    def __init__(self, receiver: Receiver) -> None:
        """Connect.

        Raises
        ------
        OSError
            The receiver is away, or shows no certificate that is trusted.
        """
        plain = socket.create_connection((receiver.host, receiver.port), timeout=_SECONDS)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = receiver.context().wrap_socket(plain, server_hostname=receiver.host)
        except BaseException:
            plain.close()
            raise

    def send(self, message: bytes) -> None:
        """Send a message behind its length."""
        self._socket.sendall(b"%d %b" % (len(message), message))

    def check(self) -> None:
        """Read what the receiver says: nothing but that it leaves."""
        self._socket.settimeout(0.0)
        try:
            if not self._socket.recv(1024):
                raise ConnectionResetError("the receiver has closed the connection")
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        finally:
            self._socket.settimeout(_SECONDS)

    def close(self) -> None:
        """Close TLS properly: the receiver answers once it has read everything."""
        try:
            self._socket.settimeout(5.0)
            self._socket.unwrap()
        finally:
            self._socket.close()


class UdpLine:
    """Syslog over UDP: a message a datagram, and nobody knows whether it arrives."""

    def __init__(self, receiver: Receiver) -> None:
        """Look the receiver up.

        Raises
        ------
        OSError
            Its name leads nowhere.
        """
        family, _, _, _, address = socket.getaddrinfo(
            receiver.host, receiver.port, type=socket.SOCK_DGRAM
        )[0]
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._socket.connect(address)

    def send(self, message: bytes) -> None:
        """Send a message; one that no datagram holds is cut, as RFC 5426 Section 3.2 allows."""
        self._socket.send(message[:_LONGEST_DATAGRAM])

    def check(self) -> None:
        """Do nothing: a receiver of datagrams says nothing."""

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


LINES: dict[str, Callable[[Receiver], Line]] = {"tls": TlsLine, "udp": UdpLine}


def this_host() -> str:
    """Return what the header calls this machine (RFC 5424 Section 6.2.4)."""
    return "".join(each for each in socket.gethostname() if "!" <= each <= "~")[:255] or "-"


def this_process() -> int:
    """Return the id of this process."""
    return os.getpid()
