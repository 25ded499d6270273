"""A TCP load balancer as stands before receivers: the next that accepts gets the connection."""

import selectors
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count

_CONNECT_SECONDS = 1.0
_BYTES = 1 << 16


class Balancer:
    """Passes connections on, each to one of several addresses in turn."""

    def __init__(self, behind: Sequence[tuple[str, int]]) -> None:
        self._behind = tuple(behind)
        self._turn = count()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="balancer", daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                caller, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(caller,), daemon=True).start()

    def _pass_on(self, caller: socket.socket) -> None:
        with caller:
            first = next(self._turn)
            for index in range(len(self._behind)):
                address = self._behind[(first + index) % len(self._behind)]
                with suppress(OSError):
                    receiver = socket.create_connection(address, timeout=_CONNECT_SECONDS)
                    break
            else:
                return
            with receiver:
                receiver.settimeout(None)
                _exchange(caller, receiver)


def _exchange(one: socket.socket, other: socket.socket) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(one, selectors.EVENT_READ, other)
        selector.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in selector.select():
                source, target = key.fileobj, key.data
                assert isinstance(source, socket.socket)
                try:
                    data = source.recv(_BYTES)
                    if not data:
                        return
                    target.sendall(data)
                except OSError:
                    return


@contextmanager
def balancer(behind: Sequence[tuple[str, int]]) -> Iterator[Balancer]:
    """Run a balancer before these addresses."""
    made = Balancer(behind)
    try:
        yield made
    finally:
        made.close()
