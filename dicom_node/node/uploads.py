"""Uploads over the web go the way of associations: same archive, desk and end of studies."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from threading import Lock
from uuid import uuid4

from dicom_node.archive.header import Identified, read_header
from dicom_node.archive.part10 import FileMeta, decode_head
from dicom_node.archive.storage import StorageArchive
from dicom_node.dicomweb.uploads import (
    ANOTHER_STUDY,
    CANNOT_UNDERSTAND,
    CLASS_NOT_SUPPORTED,
    SYNTAX_NOT_SUPPORTED,
    BusyError,
    IncomingObject,
    Kept,
    NotKept,
    Sender,
    Upload,
)
from dicom_node.domain.reception import (
    Announcement,
    AssociationEnd,
    AssociationEnded,
    NotStoredError,
    ObjectTooLargeError,
    OutOfSpaceError,
    StoredObject,
)
from dicom_node.network.contexts import ContextTable
from dicom_node.network.events import (
    AssociationClosed,
    AssociationOpened,
    InstanceReceived,
    ReceptionEvent,
)
from dicom_node.network.logs import fields
from dicom_node.network.object_buffer import BoundedBuffer, ObjectLimits
from dicom_node.network.status import NOT_WHOLE, store_status

_LOG = logging.getLogger(__name__)
# Objects are indexed by this many: each batch is one transaction.
_BATCH = 50


class NodeUploads:
    """Begins uploads, no more at a time than the node can attend to."""

    def __init__(
        self,
        *,
        archive: StorageArchive,
        tell: Callable[[Sequence[ReceptionEvent]], None],
        limits: ObjectLimits,
        ae_title: str,
        most: int,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep the parts; ``tell`` is what receivers' events go to, and indexes them."""
        self.archive = archive
        self.tell = tell
        self.limits = limits
        self.ae_title = ae_title
        self.clock = clock
        self.contexts = ContextTable()
        self._most = most
        self._lock = Lock()
        self._open: set[str] = set()
        self._is_stopping = False

    def open(self, sender: Sender, study_instance_uid: str | None) -> Upload:
        """Begin an upload.

        Raises
        ------
        BusyError
            Too many run, or the node stops.
        """
        upload_id = uuid4().hex
        with self._lock:
            if self._is_stopping:
                raise BusyError("the node is stopping: send it again later")
            if len(self._open) >= self._most:
                raise BusyError(f"{self._most} uploads run already: send it again later")
            self._open.add(upload_id)
        return NodeUpload(self, upload_id, sender, study_instance_uid)

    def closed(self, upload_id: str) -> None:
        """Take note that an upload has ended."""
        with self._lock:
            self._open.discard(upload_id)

    def stop(self) -> None:
        """Begin no more; what is being sent is told so at its next object."""
        with self._lock:
            self._is_stopping = True

    @property
    def is_stopping(self) -> bool:
        """Whether nothing is taken any more."""
        with self._lock:
            return self._is_stopping


class NodeUpload:
    """One upload: an association by another carrier (PS3.18 Section 10.5)."""

    def __init__(
        self, node: NodeUploads, upload_id: str, sender: Sender, study_instance_uid: str | None
    ) -> None:
        self._node = node
        self._id = upload_id
        self._sender = sender
        self._study = study_instance_uid
        self._untold: list[ReceptionEvent] = []
        self._taken = 0
        self._tell(
            AssociationOpened(
                association_id=upload_id,
                calling_ae=sender.ae_title,
                called_ae=node.ae_title,
                peer_address=sender.address,
                at=node.clock(),
                actor=sender.actor,
            )
        )
        _LOG.info("upload.opened %s", self._fields())

    def begin(self) -> IncomingObject:
        """Return what takes the next object."""
        return BoundedBuffer(self._node.limits)

    def take(self, incoming: IncomingObject, location: str) -> Kept | NotKept:
        """Make an object durable, or say why not."""
        assert isinstance(incoming, BoundedBuffer)  # noqa: S101 - what ``begin`` has given
        if self._node.is_stopping:
            raise BusyError("the node is stopping: send it again later")
        outcome = self._taken_in(incoming)
        if isinstance(outcome, NotKept):
            _LOG.warning(
                "upload.refused %s",
                self._fields(
                    sop_instance=outcome.sop_instance_uid,
                    status=f"0x{outcome.failure_reason:04X}",
                    reason=outcome.words,
                ),
            )
        return replace(outcome, location=location)

    def end(self, end: AssociationEnd) -> None:
        """Index the rest, and have the studies checked."""
        try:
            self._tell(
                AssociationClosed(
                    ended=AssociationEnded(
                        association_id=self._id,
                        calling_ae=self._sender.ae_title,
                        end=end,
                        at=self._node.clock(),
                    )
                )
            )
            self._flush()
        finally:
            self._node.closed(self._id)
        _LOG.info("upload.closed %s", self._fields(reason=end.value, objects=self._taken))

    def _taken_in(self, incoming: BoundedBuffer) -> Kept | NotKept:
        """Keep what has come, as an association would."""
        try:
            if incoming.overflowed:
                raise ObjectTooLargeError(f"{incoming.size} bytes are more than the node takes")
            if incoming.is_lost:
                raise OutOfSpaceError("the disk did not take the object while it came in")
            return self._kept(incoming.getbuffer())
        except NotStoredError as error:
            return NotKept(failure_reason=store_status(error), words=str(error))

    def _kept(self, data: memoryview) -> Kept | NotKept:
        if len(data) < 132 or bytes(data[128:132]) != b"DICM":
            return NotKept(failure_reason=CANNOT_UNDERSTAND, words="this is not a DICOM file")
        meta, offset = decode_head(data)
        return self._stored(data[offset:], meta)

    def _stored(self, dataset: memoryview, meta: FileMeta) -> Kept | NotKept:
        announced = self._announced(meta, read_header(dataset, meta.transfer_syntax_uid))
        if isinstance(announced, NotKept):
            return announced
        try:
            stored = self._node.archive.store(dataset, announced)
        except NotStoredError as error:
            status, words = store_status(error), str(error)
            self._node.archive.refuse(dataset, announced, status=status, reason=words)
            return _refused(announced, status, words)
        self._taken += 1
        self._tell(
            InstanceReceived(
                association_id=self._id, instance=stored.instance, duplicate=stored.duplicate
            )
        )
        if not stored.is_whole:
            uid = stored.instance.sop_instance_uid
            _LOG.warning("upload.not_whole %s", self._fields(sop_instance=uid))
        return _kept(stored)

    def _announced(self, meta: FileMeta, found: Identified) -> Announcement | NotKept:
        """Return the object as a C-STORE would announce it, or why it is not taken.

        The File Meta Information stands for the announcement; where it names nothing, as old
        software leaves it, the data set does.
        """
        announced = Announcement(
            sop_class_uid=meta.sop_class_uid or found.sop_class_uid,
            sop_instance_uid=meta.sop_instance_uid or found.sop_instance_uid,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            calling_ae=self._sender.ae_title,
            called_ae=self._node.ae_title,
            received_at=self._node.clock(),
        )
        contexts = self._node.contexts
        if not contexts.is_storage(announced.sop_class_uid):
            words = "objects of this SOP Class are not stored"
            return _refused(announced, CLASS_NOT_SUPPORTED, words)
        if announced.transfer_syntax_uid not in contexts.transfer_syntaxes:
            words = "its transfer syntax is not known"
            return _refused(announced, SYNTAX_NOT_SUPPORTED, words)
        if self._study not in (None, found.study_instance_uid):
            words = "it belongs to another study than the one that the address names"
            return _refused(announced, ANOTHER_STUDY, words)
        return announced

    def _tell(self, event: ReceptionEvent) -> None:
        self._untold.append(event)
        if len(self._untold) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        untold, self._untold = self._untold, []
        self._node.tell(untold)

    def _fields(self, **more: object) -> str:
        return fields(
            upload=self._id,
            sender=self._sender.ae_title,
            actor=self._sender.actor,
            peer=self._sender.address,
            **more,
        )


def _kept(stored: StoredObject) -> Kept:
    instance = stored.instance
    return Kept(
        study_instance_uid=instance.study_instance_uid,
        series_instance_uid=instance.series_instance_uid,
        sop_class_uid=instance.sop_class_uid,
        sop_instance_uid=instance.sop_instance_uid,
        warning_reason=0 if stored.is_whole else NOT_WHOLE,
    )


def _refused(announced: Announcement, status: int, words: str) -> NotKept:
    return NotKept(
        failure_reason=status,
        words=words,
        sop_class_uid=announced.sop_class_uid,
        sop_instance_uid=announced.sop_instance_uid,
    )
