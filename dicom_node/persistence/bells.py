"""Hosts that share a PostgreSQL database tell each other that there is work: LISTEN and NOTIFY.

Rows stay what counts: a bell that nobody hears, or that cannot be rung, only has work found later.
"""

import logging
import math
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa

from dicom_node.persistence.database import make_engine, postgresql_arguments

_LOG = logging.getLogger(__name__)
_CHANNEL = "dicom_node_work"
_RETRY_SECONDS = 2.0


class WorkBell:
    """Rung where work was queued, heard where work is done; between ``listen`` and ``stop``."""

    def __init__(self, url: str) -> None:
        """Keep the address of the database; nothing is opened yet."""
        self._url = url
        self._engine = make_engine(url)
        self._over = threading.Event()
        self._is_heard = threading.Event()
        self._ends: tuple[socket.socket, socket.socket] | None = None
        self._thread: threading.Thread | None = None
        self._is_lost = False

    def ring(self, seconds: float = 0.0) -> None:
        """Say that something is in a queue, or will be in ``seconds``; its row is committed."""
        try:
            with self._engine.begin() as connection:
                connection.execute(sa.select(sa.func.pg_notify(_CHANNEL, f"{seconds:.3f}")))
        except sa.exc.SQLAlchemyError as error:
            _LOG.debug("bell not rung reason=%s", type(error).__name__)

    def is_heard(self) -> bool:
        """Whether what other hosts ring is heard at the moment."""
        return self._is_heard.is_set()

    def listen(self, told: Callable[[float], None]) -> None:
        """Call ``told`` with the seconds of each ring, and with 0 when rings may have been missed.

        By a thread of the bell's own.
        """
        self._ends = _, woken = socket.socketpair()
        self._thread = threading.Thread(
            target=self._listen, args=(told, woken), name="work-bell", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Hear nothing more."""
        self._over.set()
        if self._ends is not None:
            self._ends[0].send(b"!")
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._engine.dispose()
        for each in self._ends or ():
            each.close()

    def _listen(self, told: Callable[[float], None], woken: socket.socket) -> None:
        while not self._over.is_set():
            try:
                with self._connected() as connection:
                    self._hear(connection, told, woken)
            except psycopg.Error as error:
                if not self._is_lost:
                    _LOG.warning("other hosts not heard reason=%s", type(error).__name__)
                self._is_lost = True
            self._is_heard.clear()
            told(0.0)
            self._over.wait(_RETRY_SECONDS)

    def _hear(
        self,
        connection: psycopg.Connection[tuple[object, ...]],
        told: Callable[[float], None],
        woken: socket.socket,
    ) -> None:
        connection.execute(f"LISTEN {_CHANNEL}")
        # Through a pooler of transactions others are never heard, but what this connection itself
        # sends may come back with its answer: heard is who hears another connection.
        with self._connected() as other:
            other.execute("SELECT pg_notify(%s, '0')", (_CHANNEL,))
        with selectors.DefaultSelector() as selector:  # select() fails from descriptor 1024 on
            for each in (connection, woken):
                selector.register(each, selectors.EVENT_READ)
            while not self._over.is_set():
                for heard in connection.notifies(timeout=0):
                    self._is_lost = False
                    self._is_heard.set()
                    told(_seconds(heard.payload))
                selector.select()

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        address = sa.make_url(self._url).set(drivername="postgresql")
        connection = psycopg.connect(
            address.render_as_string(hide_password=False),
            autocommit=True,
            **postgresql_arguments(self._url),
        )
        try:
            yield connection
        finally:
            connection.close()


def _seconds(payload: str) -> float:
    try:
        seconds = float(payload)
    except ValueError:  # of another version
        return 0.0
    return max(seconds, 0.0) if math.isfinite(seconds) else 0.0
