"""The listening socket, and the server that accepts associations from it."""

import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from ssl import SSLContext
from typing import Any, cast

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import ThreadedAssociationServer

from dicom_node.network.errors import ReceptionError
from dicom_node.network.logs import fields
from dicom_node.network.object_buffer import ObjectLimits
from dicom_node.network.private import ConnectionHandler
from dicom_node.network.reactor import ASSOCIATIONS, Reactor
from dicom_node.network.receiving_association import Services, Storing
from dicom_node.network.slots import AssociationSlots, Place

logger = logging.getLogger(__name__)

_BACKLOG = 128
# How long a receiver leaves a new connection to one that has fewer, for each that it has more.
_YIELD_SECONDS, _LONGEST_YIELD_SECONDS = 0.01, 0.05


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
        limits: ObjectLimits,
        slots: AssociationSlots,
        handlers: list[tuple[Any, Callable[..., Any]]],
        on_end: Callable[[Association], None] | None = None,
        services: Services | None = None,
        storing: Storing | None = None,
        tls: SSLContext | None = None,
        reactor: Reactor = Reactor.WAITING,
    ) -> None:
        """Accept from ``listener``, with pynetdicom event ``handlers`` on every association.

        ``storing`` takes the objects.
        """
        self._tls = tls
        self._listener = listener
        self.limits = limits
        self.slots = slots
        self.reactor = reactor
        self.places: dict[Any, Place] = {}
        self.handlers = handlers
        self.on_end = on_end
        self.services = services or Services()
        self.storing = storing
        self._bell, self._rope = socket.socketpair()
        self._is_over, self._has_ended = threading.Event(), threading.Event()
        super().__init__(ae, listener.getsockname(), ae.ae_title, [], request_handler=_Connection)

    def serve(self) -> None:
        """Accept until `shutdown`; wakes up for connections and for nothing else."""
        self.timeout = 0  # to wait is what is done here
        with selectors.DefaultSelector() as awaited:
            awaited.register(self, selectors.EVENT_READ)
            awaited.register(self._rope, selectors.EVENT_READ)
            while not self._is_over.is_set():
                awaited.select()
                if not self._is_over.is_set():
                    self.handle_request()
                    self.service_actions()
        self._has_ended.set()

    def server_bind(self) -> None:
        """Take over the socket that listens already."""
        cast("socket.socket", self.socket).close()
        self.socket = self._listener
        self.server_address = self._listener.getsockname()

    def server_activate(self) -> None:
        """Do nothing: the socket listens."""

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection, unless a receiver with less to do is about to.

        Raises
        ------
        OSError
            Another receiver has taken it, far too many are open, or its peer has gone already.
        """
        lead = self.slots.lead()
        if lead:
            time.sleep(min(lead * _YIELD_SECONDS, _LONGEST_YIELD_SECONDS))
        connection, address = super().get_request()
        place = self.slots.enter(address[0])
        # The caller takes an error for a connection that is gone, and tells nobody else.
        if place is None:
            connection.close()
            raise OSError("too many connections to reject each by an A-ASSOCIATE-RJ")
        try:
            secured = self._prepared(connection)
        except OSError:
            place.leave()
            connection.close()
            raise
        self.places[secured] = place
        return secured, address

    def _prepared(self, connection: socket.socket) -> socket.socket:
        # A peer that falls silent within a PDU must not hold its connection for ever.
        connection.settimeout(self.ae.acse_timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._secured(connection)

    def _secured(self, connection: socket.socket) -> socket.socket:
        """Speak TLS where that is wanted; the first read shakes hands, on the association's thread.

        A peer that is slow to do so, or never does, holds up nobody else.
        """
        if self._tls is None:
            return connection
        return self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take note that an accepted connection did not become an association."""
        place = self.places.pop(request, None)
        if place is not None:
            place.leave()
        logger.error(
            "connection.failed %s",
            fields(peer=client_address[0]),
            exc_info=True,  # noqa: LOG014  # called while an exception is being handled
        )

    def server_close(self) -> None:
        """Close this process's hold on the socket, not the socket of the others."""
        self._listener.close()
        self._bell.close()
        self._rope.close()

    def shutdown(self) -> None:
        """Stop accepting; open associations go on."""
        self._is_over.set()
        with suppress(OSError):  # it is told for the second time
            self._bell.send(b"x")
        self._has_ended.wait()
        self.server_close()


class _Connection(ConnectionHandler):
    """One accepted connection on its way to becoming an association."""

    server: ReceiverServer

    def association(self) -> Association:
        """Return an association that accepts nothing yet.

        What it accepts is decided when the association request has been looked at, so that an
        error on the way there cannot let anybody in.
        """
        server = self.server
        place = server.places[self.request]
        association = ASSOCIATIONS[server.reactor](
            server,
            self.request,
            limits=server.limits,
            place=place,
            on_end=server.on_end,
            services=server.services,
            storing=server.storing,
        )
        place.drop = association.drop
        del server.places[self.request]  # from here on the association gives it back
        association.name = "AcceptorThread"  # by this pynetdicom knows its acceptors
        association.requestor.address_info = self.remote
        acceptor = association.acceptor
        acceptor.address_info = self.local
        acceptor.ae_title = server.ae_title
        acceptor.maximum_length = server.ae.maximum_pdu_size
        acceptor.implementation_class_uid = server.ae.implementation_class_uid
        acceptor.implementation_version_name = server.ae.implementation_version_name
        for event, handler in server.handlers:
            association.bind(event, handler)
        return association
