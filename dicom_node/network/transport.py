"""The listening socket, and what pynetdicom's transport needs to serve many senders well."""

import logging
import socket
from collections.abc import Callable
from socketserver import BaseServer
from typing import Any, cast

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import RequestHandler, ThreadedAssociationServer

from dicom_node.network.errors import ReceptionError
from dicom_node.network.logs import fields

logger = logging.getLogger(__name__)

_BACKLOG = 128
# An A-ASSOCIATE-RQ with 128 contexts of 60 transfer syntaxes is about 400 KB; the maximum PDU
# length that was negotiated binds P-DATA-TF only (PS3.8 Annex D.1).
_LARGEST_OTHER_PDU = 1024 * 1024


def listen(host: str, port: int) -> socket.socket:
    """Bind and listen; the receiver processes accept from this one socket.

    One socket, not one per process with SO_REUSEPORT: a second node on the same port fails here
    instead of silently taking half of the associations, a receiver that is busy or has died
    leaves new connections to the others, and none is reset with a dying receiver's backlog.

    Raises
    ------
    ReceptionError
        The address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ReceptionError(
            f"cannot listen on {host} port {port}: {error.strerror}; is another program using it?"
        ) from error
    # Every receiver is woken for a connection and all but one find it gone.
    listener.setblocking(False)
    return listener


class ReceiverServer(ThreadedAssociationServer):
    """Accepts associations from a socket that already listens."""

    daemon_threads = True

    def __init__(
        self,
        listener: socket.socket,
        ae: ApplicationEntity,
        *,
        on_idle: Callable[[], None],
        **options: Any,
    ) -> None:
        """Accept from ``listener``; ``options`` are those of pynetdicom's server."""
        self._listener = listener
        self._on_idle = on_idle
        super().__init__(ae, listener.getsockname(), request_handler=_Connection, **options)

    def server_bind(self) -> None:
        """Take over the socket that listens already."""
        cast("socket.socket", self.socket).close()
        self.socket = self._listener
        self.server_address = self._listener.getsockname()

    def server_activate(self) -> None:
        """Do nothing: the socket listens."""

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection; a peer that falls silent within a PDU must not hold it for ever."""
        connection, address = super().get_request()
        connection.settimeout(self.ae.network_timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def service_actions(self) -> None:
        """Called between connections, a few times a second."""
        super().service_actions()
        self._on_idle()

    def server_close(self) -> None:
        """Close this process's hold on the socket, not the socket of the others."""
        self._listener.close()

    def shutdown(self) -> None:
        """Stop accepting; open associations go on."""
        BaseServer.shutdown(self)
        self.server_close()


class _Connection(RequestHandler):
    """One accepted connection on its way to becoming an association."""

    def _create_association(self) -> Association:
        association = super()._create_association()
        # Nothing is supported until the association request has been looked at, so that an error
        # on the way there cannot let anybody in.
        association.acceptor.supported_contexts = []
        transport: Any = association.dul.socket
        limit = max(self.ae.maximum_pdu_size, _LARGEST_OTHER_PDU)
        transport.recv = _exact_receiver(transport, limit)
        return association


def _exact_receiver(transport: Any, limit: int) -> Callable[[int], bytearray]:
    """Return a replacement of pynetdicom's ``recv``, which reads 4 KiB at a time."""

    def receive(count: int) -> bytearray:
        if count > limit:
            # pynetdicom would allocate whatever a peer announces, up to 4 GiB.
            logger.warning("pdu.too_long %s", fields(announced=count, limit=limit))
            raise OSError("the announced PDU is longer than the node takes")
        data = bytearray(count)
        view = memoryview(data)
        filled = 0
        while filled < count:
            received = transport.socket.recv_into(view[filled:])
            if not received:
                view.release()
                return data[:filled]
            filled += received
        return data

    return receive
