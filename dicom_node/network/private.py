"""All that the node uses of pynetdicom, and of pydicom's dictionary, beyond their public interface.

No other module touches a name of theirs that begins with an underscore. What is used here, and why
pynetdicom is not used as it comes, is in ADR 22; a test names every such symbol, with its signature
or a digest of its source, and fails when another version of the library changes one.
"""

from collections.abc import Callable
from ssl import SSLContext
from typing import Any

from pydicom._uid_dict import UID_dictionary
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.transport import (
    AddressInformation,
    AssociationServer,
    AssociationSocket,
    RequestHandler,
)

_ACCEPTOR = "acceptor"


def transfer_syntaxes() -> frozenset[str]:
    """Return every transfer syntax of the Standard, the retired ones too."""
    return frozenset(uid for uid, entry in UID_dictionary.items() if entry[1] == "Transfer Syntax")


class AcceptedAssociation(Association):
    """An acceptor's association whose loop, and whose serving of requests, can be replaced."""

    def __init__(self, server: AssociationServer) -> None:
        """Belong to ``server``, which lists and ends its associations."""
        super().__init__(server.ae, _ACCEPTOR)
        self._server = server

    @property
    def is_over(self) -> bool:
        """Whether nothing is served any more."""
        return self._kill

    def context(self, context_id: int) -> PresentationContext | None:
        """Return an accepted presentation context, ``None`` where there is none of that number."""
        return self._accepted_cx.get(context_id)

    def loop(self) -> None:
        """Serve until the association ends: pynetdicom's own loop."""
        super()._run_reactor()

    def serve(self, message: Any, context_id: int) -> None:
        """Serve one request: pynetdicom's own way."""
        super()._serve_request(message, context_id)

    def spare_the_sleep(self) -> None:
        """Have the upper layer's thread not sleep between events: its socket waits for them."""
        self.dul._run_loop_delay = 0  # noqa: SLF001

    def heard(self) -> None:
        """Take note that the peer has sent something: its silence begins anew."""
        self.dul._idle_timer.restart()  # noqa: SLF001

    def _run_reactor(self) -> None:
        self.loop()

    def _serve_request(self, msg: Any, context_id: int) -> None:
        self.serve(msg, context_id)


class Connection(AssociationSocket):
    """A connection that is closed even where it was lost before: pynetdicom leaves that open."""

    @property
    def is_connected(self) -> bool:
        """Whether nobody has closed it."""
        return self._is_connected

    def hang_up(self) -> None:
        """Shut the connection down and close it."""
        raise NotImplementedError

    def _shutdown_socket(self) -> None:
        self.hang_up()


class ConnectionHandler(RequestHandler):
    """Turns an accepted connection into an association of our own making."""

    def association(self) -> Association:
        """Return the association that the connection is for."""
        raise NotImplementedError

    def _create_association(self) -> Association:
        return self.association()


class RequestingEntity(AE):
    """An application entity whose connections to peers are of our own making."""

    def __init__(
        self, ae_title: str, connect: Callable[[Association, AddressInformation], AssociationSocket]
    ) -> None:
        """Connect with what ``connect`` returns."""
        super().__init__(ae_title=ae_title)
        self._connect = connect

    def _create_socket(
        self,
        assoc: Association,
        address: AddressInformation,
        tls_args: tuple[SSLContext, str] | None,
    ) -> AssociationSocket:
        connection = self._connect(assoc, address)
        connection.tls_args = tls_args
        return connection
