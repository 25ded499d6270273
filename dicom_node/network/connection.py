"""Connections that are waited for, read in few calls, and always closed."""

import select
import socket
import threading
import time
from contextlib import suppress
from ssl import SSLSocket

from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.transport import AssociationSocket

# The ARTIM and idle timers are looked at this often.
TICK_SECONDS = 0.25
_LONGEST_PATIENCE_SECONDS = 3600.0
_QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)
# An A-ASSOCIATE-RQ with 128 contexts of 60 transfer syntaxes is about 400 KB; the maximum PDU
# length that was negotiated binds P-DATA-TF only (PS3.8 Annex D.1).
_LARGEST_OTHER_PDU = 1024 * 1024


class ClosingSocket(AssociationSocket):
    """A connection that is closed even where it was lost before: pynetdicom leaves that to Python.

    It sends at once, too. A message is two writes, and Nagle's algorithm holds the second one back
    until the peer's delayed acknowledgement of the first: 40 ms per object.
    """

    def no_delay(self) -> "ClosingSocket":
        """Send small packets at once."""
        if self.socket is not None:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self

    def _shutdown_socket(self) -> None:
        if self.socket is None:
            return
        with suppress(OSError):  # not connected any more, or never
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class WaitingSocket(ClosingSocket):
    """A connection whose data is waited for, and read in as few calls as possible."""

    def __init__(
        self, association: Association, connection: socket.socket, ae: ApplicationEntity
    ) -> None:
        """Serve ``connection`` with the limits of ``ae``."""
        super().__init__(association, client_socket=connection)
        self._patience = ae.network_timeout or _LONGEST_PATIENCE_SECONDS
        self._largest_pdu = max(ae.maximum_pdu_size, _LARGEST_OTHER_PDU)
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._bell, select.POLLIN)
        self._poll.register(connection, select.POLLIN)

    @property
    def ready(self) -> bool:
        """Wait for data, for something to send, or for a timer; tell whether it was data."""
        connection = self.socket
        if connection is None or not self._is_connected:
            return False
        self._acknowledge(connection)
        if isinstance(connection, SSLSocket) and connection.pending():
            return True  # decrypted already: nothing more need come
        # Each turn of the reactor handles one event: do not wait while there are others.
        patience = TICK_SECONDS * 1000 if self.event_queue.empty() else 0
        woken_by = {descriptor for descriptor, _ in self._poll.poll(patience)}
        if self._bell.fileno() in woken_by:
            with suppress(OSError):
                self._bell.recv(4096)
        return connection.fileno() in woken_by

    def _acknowledge(self, connection: socket.socket) -> None:
        """Acknowledge at once what has come (Linux; it has to be asked for each time).

        Most senders leave Nagle's algorithm on: it keeps the data set back until the command
        before it is acknowledged, which takes 40 ms where nobody asks.
        """
        if _QUICKACK is not None:
            with suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)

    def set_timeout(self, seconds: float | None) -> None:
        """Wait so long for the rest of a PDU, once the association is open."""
        if self.socket is not None:
            self.socket.settimeout(seconds)

    def ring(self) -> None:
        """Wake the thread that waits for data, where another one calls."""
        if threading.current_thread() is self.assoc.dul:
            return
        try:
            self._rope.send(b"x")
        except OSError:  # full, so it rings already; or silenced, so nobody waits
            return

    def silence(self) -> None:
        """Give the bell's descriptors back."""
        self._rope.close()
        self._bell.close()

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes, fewer only where the peer has closed the connection.

        Raises
        ------
        OSError
            The connection broke, the peer fell silent, or announced a PDU that is too long:
            pynetdicom would allocate whatever is announced, up to 4 GiB.
        """
        if nr_bytes > self._largest_pdu:
            raise OSError(f"a PDU of {nr_bytes} bytes was announced")
        data = bytearray(nr_bytes)
        view = memoryview(data)
        filled = 0
        deadline = time.monotonic() + self._patience
        while filled < nr_bytes:
            if time.monotonic() > deadline:
                raise TimeoutError("a PDU came too slowly")
            received = self.socket.recv_into(view[filled:]) if self.socket else 0
            if not received:
                return bytearray(view[:filled])
            filled += received
        return data
