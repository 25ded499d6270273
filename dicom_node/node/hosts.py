"""This host among those that share one database: its name, its signs of life, its lease.

All times that hosts compare are the database's: their own clocks may differ.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem, Severity
from dicom_node.domain.host import Host, Sign
from dicom_node.node.clock import utc_now
from dicom_node.node.roles import LEASE_BEATS, executor_id_of, role_of, shares
from dicom_node.persistence.hosts import HostStore

_LOG = logging.getLogger(__name__)
_SCHEDULER = "scheduler"
_SKEW = 2.0  # seconds between two clocks from which it is said
_NAMED_FOR = 3600.0  # seconds for which health names a host that went away without a word


class Cluster:
    """What this host tells the others, and knows of them; a thread of its own, once started."""

    def __init__(
        self, settings: NodeSettings, store: HostStore, *, version: str, contract: str
    ) -> None:
        self._settings = settings
        self._store = store
        self.role = role_of(settings)
        self.executor_id = executor_id_of(settings)
        self._version = version
        self._contract = contract
        self._is_shared = shares(settings)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._relieve: Callable[[], None] = lambda: None
        self._status: Callable[[], str] = lambda: "ok"
        self._skew = 0.0
        self._leads_until = 0.0
        self._silent = False

    def start(self, *, relieve: Callable[[], None], status: Callable[[], str]) -> None:
        """Give signs of life from now on; ``relieve`` is called after each by whoever leads."""
        self._relieve, self._status = relieve, status
        if not self._is_shared:
            return
        self.beat()
        self._thread = threading.Thread(target=self._live, name="heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave: what is still under way is taken over at once."""
        self._over.set()
        if self._thread is None:
            return
        self._thread.join(timeout=2 * self._settings.hosts.beat)
        try:
            self._store.leave(self.executor_id)
        except sa.exc.SQLAlchemyError as error:
            _LOG.warning("not taken off the list of hosts reason=%s", type(error).__name__)

    def leads(self) -> bool:
        """Whether this host does what one of them does for all."""
        return not self._is_shared or time.monotonic() < self._leads_until

    def clock(self) -> datetime:
        """Return the time as the database has it."""
        return utc_now() - timedelta(seconds=self._skew)

    def skew(self) -> float:
        """Return by how many seconds this host's clock is ahead of the database's."""
        return self._skew

    def hosts(self) -> tuple[Host, ...]:
        """Return all hosts that are known."""
        return self._store.all() if self._is_shared else ()

    def is_dead(self, host: Host) -> bool:
        """Whether a host has been silent for too long."""
        return host.silent > self._settings.hosts.dead_after

    def others_work(self) -> bool:
        """Whether other hosts that work are alive."""
        return any(
            each.sign.role.works and each.sign.executor_id != self.executor_id
            for each in self.hosts()
            if not self.is_dead(each)
        )

    def versions(self) -> frozenset[str]:
        """Return the contracts of the hosts that are alive and work."""
        return frozenset(
            each.sign.contract
            for each in self.hosts()
            if each.sign.role.works and not self.is_dead(each)
        )

    def problems(self) -> tuple[Problem, ...]:
        """Say which hosts are silent, whose clock differs, and that nobody works."""
        found = []
        hosts = self.hosts()
        for each in hosts:
            name = each.sign.name
            if self.is_dead(each) and each.silent < _NAMED_FOR:
                found.append(
                    Problem(
                        kind="host",
                        about=each.sign.executor_id,
                        severity=Severity.DEGRADED,
                        words=f"host {name} ({each.sign.role}) is silent since {each.silent:.0f} s"
                        + (", others have its work" if each.is_relieved else ""),
                        advice="start it, or see why it does not reach the database",
                    )
                )
            elif abs(each.sign.skew) > _SKEW and not self.is_dead(each):
                found.append(
                    Problem(
                        kind="clock",
                        about=each.sign.executor_id,
                        severity=Severity.DEGRADED,
                        words=f"the clock of host {name} is {each.sign.skew:+.1f} s off the "
                        "database's",
                        advice="let both keep time by NTP",
                    )
                )
        if self._is_shared and not any(
            each.sign.role.works and not self.is_dead(each) for each in hosts
        ):
            found.append(
                Problem(
                    kind="hosts",
                    severity=Severity.DEGRADED,
                    words="no host works: studies are stored and wait",
                    advice="start one with dicom-node serve --role worker",
                )
            )
        return tuple(found)

    def beat(self) -> None:
        """Give one sign of life, and take the lease where it is free."""
        began = time.monotonic()
        before = time.time()
        database = self._store.now()
        self._skew = (before + time.time()) / 2 - database
        self._store.beat(
            Sign(
                executor_id=self.executor_id,
                role=self.role,
                name=self._settings.hosts.name or socket.gethostname()[:64],
                version=self._version,
                contract=self._contract,
                skew=round(self._skew, 3),
                status=self._status(),
            )
        )
        if self.role.works:
            seconds = LEASE_BEATS * self._settings.hosts.beat
            if self._store.hold(_SCHEDULER, self.executor_id, seconds=seconds):
                self._leads_until = began + seconds

    def _live(self) -> None:
        while not self._over.wait(self._settings.hosts.beat):
            try:
                self.beat()
                if self.leads():
                    self._relieve()
            except sa.exc.SQLAlchemyError as error:
                if not self._silent:
                    _LOG.warning("no sign of life given reason=%s", type(error).__name__)
                self._silent = True
            except Exception:  # noqa: BLE001  # others would take this host for dead
                _LOG.exception("a look after other hosts broke off; the next beat does it again")
            else:
                self._silent = False
