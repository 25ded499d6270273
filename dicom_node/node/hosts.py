"""This host among those that share one database: its name, its signs of life, its lease.

All times that hosts compare are the database's: their own clocks may differ.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

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
    """What this host tells the others, and knows of them.

    Signs of life have a thread of their own: whoever looks after what a dead host left may read for
    minutes, and must not be taken for dead itself.
    """

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
        self._threads: list[threading.Thread] = []
        self._is_ready = False
        self._status: Callable[[], str] = lambda: "ok"
        self._skew = 0.0
        self._leads_until = 0.0
        self._silent = False

    def start(self) -> None:
        """Give signs of life from now on: before anything is done, since a start may take long."""
        if self._is_shared:
            self.beat()
            self._begin(self._live, "heartbeat")

    def look_after(
        self, relief: Sequence[Callable[[], None]], *, status: Callable[[], str]
    ) -> None:
        """Call each of ``relief`` once in a beat while this host leads, in a thread of its own.

        ``status`` is told with signs of life from now on.
        """
        self._status = status
        if self._is_shared:
            self._is_ready = True
            self.beat()
            for each in relief:
                self._begin(partial(self._look, each), "relief")

    def stop(self) -> None:
        """Leave: what is still under way is taken over at once."""
        self._over.set()
        if not self._threads:
            return
        for each in self._threads:
            each.join(timeout=2 * self._settings.hosts.beat)
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
        self._give_sign()
        self._lead(began)

    def _give_sign(self) -> None:
        before = time.time()
        database = self._store.now()
        self._skew = (before + time.time()) / 2 - database
        self._store.beat(
            Sign(
                executor_id=self.executor_id,
                role=self.role,
                name=self._settings.hosts.shown_name,
                version=self._version,
                contract=self._contract,
                skew=round(self._skew, 3),
                status=self._status(),
            )
        )

    def _lead(self, began: float) -> None:
        if self.role.works:
            seconds = LEASE_BEATS * self._settings.hosts.beat
            if self._store.hold(_SCHEDULER, self.executor_id, seconds=seconds):
                self._leads_until = began + seconds

    def _live(self) -> None:
        while not self._over.wait(self._settings.hosts.beat):
            try:
                if self._is_ready:
                    self.beat()
                else:  # leading is left to those who can already
                    self._give_sign()
            except sa.exc.SQLAlchemyError as error:
                if not self._silent:
                    _LOG.warning("no sign of life given reason=%s", type(error).__name__)
                self._silent = True
            except Exception:  # noqa: BLE001  # others would take this host for dead
                _LOG.exception("no sign of life given; the next beat does it again")
            else:
                self._silent = False

    def _look(self, relieve: Callable[[], None]) -> None:
        is_blind = False
        while not self._over.wait(self._settings.hosts.beat):
            try:
                if self.leads():
                    relieve()
            except sa.exc.SQLAlchemyError as error:
                if not is_blind:
                    _LOG.warning("not looked after other hosts reason=%s", type(error).__name__)
                is_blind = True
            except Exception:  # noqa: BLE001  # what dead hosts left would stay undone
                _LOG.exception("a look after other hosts broke off; the next beat does it again")
            else:
                is_blind = False

    def _begin(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()
