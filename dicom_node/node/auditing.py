"""The node's audit trail: who writes it, and what was administered goes into it."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime

from dicom_node.audit.chain import Chain
from dicom_node.audit.errors import AuditError
from dicom_node.audit.events import changed
from dicom_node.audit.forwarding import Forwarding
from dicom_node.audit.markup import written
from dicom_node.audit.message import AuditMessage, AuditSource
from dicom_node.audit.reading import Shown, Wanted, newest
from dicom_node.audit.syslog import receiver_at
from dicom_node.audit.trail import AuditTrail
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem, Severity
from dicom_node.node.clock import utc_now
from dicom_node.persistence.audit import AuditStore

_BATCH = 500


def chain_of(settings: NodeSettings) -> Chain:
    """Return the chain in the node's data folder."""
    return Chain(settings.audit_dir, file_bytes=settings.audit.file_bytes)


def source_of(settings: NodeSettings) -> AuditSource:
    """Return what the trail calls the node."""
    return AuditSource(
        source_id=settings.audit.source or settings.network.ae_title, site=settings.audit.site
    )


def forwarding_of(settings: NodeSettings) -> Forwarding | None:
    """Return what sends records to a syslog receiver, where one is set.

    Raises
    ------
    ConfigurationError
        When its address or certificates cannot be used.
    """
    audit = settings.audit
    if not audit.syslog:
        return None
    receiver = receiver_at(
        audit.syslog,
        trusted=audit.syslog_trusted,
        certificate=audit.syslog_certificate,
        private_key=audit.syslog_private_key,
    )
    return Forwarding(settings.audit_dir, receiver)


def _nobody() -> None:
    """Tell nobody."""


class Auditing:
    """The trail of a running node."""

    def __init__(self, settings: NodeSettings, changes: AuditStore) -> None:
        """Write nothing yet; what is recorded waits for ``start``.

        Raises
        ------
        ConfigurationError
            When the syslog receiver's address or certificates cannot be used.
        """
        self._settings = settings
        self._changes = changes
        self._forwarding = forwarding_of(settings)
        self._trail = AuditTrail(
            chain_of(settings),
            source_of(settings),
            clock=utc_now,
            on_written=self._forwarding.wake if self._forwarding else _nobody,
        )

    def record(self, message: AuditMessage) -> None:
        """Record a message; return at once."""
        self._trail.record(message)

    @property
    def trail(self) -> "Trail":
        """The trail, to be read."""
        return Trail(self._settings, self._changes)

    def start(self) -> None:
        """Begin to write, and to send."""
        self._trail.start()
        if self._forwarding is not None:
            self._forwarding.start()

    def stop(self) -> None:
        """Write what waits, and stop."""
        self._trail.stop()
        if self._forwarding is not None:
            self._forwarding.stop()

    def take_changes(self) -> None:
        """Write down what was administered since, in this process and in others."""
        try:
            take_changes(self._settings, self._changes)
        except AuditError:
            return  # said by `problems`; they stay noted in the database until then

    def problems(self) -> Iterator[Problem]:
        """Say where records cannot be written."""
        if self._trail.problem:
            yield Problem(
                kind="audit trail",
                severity=Severity.DEGRADED,
                words=self._trail.problem,
                advice="until then they wait in memory",
            )
        if self._forwarding is not None and self._forwarding.problem:
            yield Problem(
                kind="audit receiver",
                severity=Severity.DEGRADED,
                words=self._forwarding.problem,
                advice="they wait on the disk and follow once it is there (audit.syslog)",
            )


class Trail:
    """The trail as pages and REST show it: with what was administered up to now."""

    def __init__(self, settings: NodeSettings, changes: AuditStore) -> None:
        self._settings = settings
        self._changes = changes

    def newest(self, wanted: Wanted, *, limit: int, before: int | None = None) -> list[Shown]:
        """Return records, the newest first, without who the patients are.

        Raises
        ------
        AuditError
            The trail cannot be read.
        """
        with suppress(AuditError):  # what can be read is shown
            take_changes(self._settings, self._changes)
        return newest(
            self._settings.audit_dir, wanted, limit=limit, before=before, names_patients=False
        )


class Acts:
    """The trail of a command: each record is on the disk when it is told."""

    def __init__(self, settings: NodeSettings, clock: Callable[[], datetime] = utc_now) -> None:
        self._chain = chain_of(settings)
        self._source = source_of(settings)
        self.now = clock

    def record(self, message: AuditMessage) -> None:
        """Write a message down.

        Raises
        ------
        AuditError
            It cannot be.
        """
        self._chain.append([written(message, self._source)])


def take_changes(settings: NodeSettings, changes: AuditStore) -> None:
    """Bring what was administered into the trail.

    A change is noted in its own transaction, so none is missed; should the node end between the
    writing and the note that it is written, it comes twice.

    Raises
    ------
    AuditError
        The trail cannot be written: the changes wait.
    """
    if not changes.unrecorded(1):
        return
    source = source_of(settings)
    with chain_of(settings).locked() as chain:
        while found := changes.unrecorded(_BATCH):
            chain.append([written(changed(change), source) for _, change in found])
            changes.recorded(number for number, _ in found)
