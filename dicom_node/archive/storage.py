"""The archive: takes an object's bytes as received and answers for them from then on."""

import errno
import hashlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from dicom_node.archive import layout
from dicom_node.archive.durable import DurableFolder, UnplacedFile, is_empty, modified_at
from dicom_node.archive.elements import Buffer
from dicom_node.archive.header import Identified, read_header
from dicom_node.archive.keeping import holds
from dicom_node.archive.part10 import FileMeta, decode_head, encode_head, file_meta
from dicom_node.archive.patient import patient_marks
from dicom_node.archive.refused import RefusedObjects
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import (
    Announcement,
    ArchiveAwayError,
    IdentifierMismatchError,
    ObjectTooLargeError,
    OutOfSpaceError,
    StoredObject,
    WriteError,
)

logger = logging.getLogger(__name__)

_MIB = 1024 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
# What is said by a disk that is read-only or fails, and by a share whose server is away.
_AWAY = frozenset(
    {
        *(errno.EROFS, errno.EIO, errno.ENODEV, errno.ENXIO, errno.ESTALE, errno.ENOTCONN),
        *(errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveSettings:
    """Where the archive lies and when it stops taking objects; sizes in bytes."""

    root: Path
    durable: bool = True
    min_free_bytes: int = 512 * _MIB
    max_object_bytes: int = 2048 * _MIB
    refused_limit_bytes: int = 1024 * _MIB
    # Where several hosts share the root, each writes first in a folder of this name of its own.
    writer: str = ""


class StorageArchive:
    """Part 10 files below one root. Many processes may store into it at the same time."""

    def __init__(self, settings: ArchiveSettings) -> None:
        """Use the folders of ``settings``; ``open`` creates them."""
        self.settings = settings
        self.root = settings.root
        incoming = settings.root / layout.INCOMING / settings.writer
        self._files = DurableFolder(settings.root, incoming, durable=settings.durable)
        self._refused = RefusedObjects(
            folder=settings.root / layout.REFUSED,
            limit_bytes=settings.refused_limit_bytes,
            files=self._files,
        )

    def open(self) -> int:
        """Create the folders and remove what a crash left half written.

        Only for the one process that starts before any other of its host stores: it returns how
        many abandoned temporary files it removed.

        Raises
        ------
        WriteError
            The folders cannot be created.
        """
        try:
            for name in (f"{layout.INCOMING}/{self.settings.writer}", layout.REFUSED):
                (self.root / name).mkdir(parents=True, exist_ok=True)
            return self._files.discard_incoming()
        except OSError as error:
            raise WriteError(f"the archive's folders cannot be used: {error.strerror}") from error

    def store(self, dataset: Buffer, announced: Announcement) -> StoredObject:
        """Make an object durable, bytes as they are, and say where it lies.

        The same bytes under the same SOP Instance UID are stored once. Other bytes under that UID
        are stored beside the first ones and flagged as a conflict: nothing is replaced.

        Raises
        ------
        OutOfSpaceError
            Less than the minimum is, or would be, free.
        ObjectTooLargeError
            Larger than the archive takes.
        UnreadableDatasetError
            No identifiers can be read from the bytes.
        IdentifierMismatchError
            The data set is another SOP Instance, or of another SOP Class.
        WriteError
            The operating system reported an error.
        """
        self.admit(len(dataset))
        digest = hashlib.sha256(dataset).hexdigest()

        def place(path: Path, meta: FileMeta) -> None:
            parts = (encode_head(meta), dataset)
            self._files.place(path, parts, modified=announced.received_at)

        return self.file(dataset, announced, digest=digest, place=place)

    def begin(self, announced: Announcement) -> "IncomingFile":
        """Begin an object that comes in pieces and lies in the archive's own folder meanwhile.

        Raises
        ------
        OutOfSpaceError
            Less than the minimum is free.
        WriteError
            The operating system reported an error.
        """
        self.admit(0)
        try:
            return IncomingFile(self, self._files.begin(), announced)
        except OSError as error:
            raise as_not_stored(error) from error

    def file(
        self,
        dataset: Buffer,
        announced: Announcement,
        *,
        digest: str,
        place: Callable[[Path, FileMeta], None],
    ) -> StoredObject:
        """Find an object's place, have ``place`` make it durable there, and say where it lies.

        Raises
        ------
        NotStoredError
            As for ``store``.
        """
        found = read_header(dataset, announced.transfer_syntax_uid)
        if found.sop_class_uid != announced.sop_class_uid:
            raise IdentifierMismatchError("SOPClassUID of the data set is not the announced one")
        if found.sop_instance_uid != announced.sop_instance_uid:
            raise IdentifierMismatchError("SOPInstanceUID of the data set is not the announced one")
        meta = file_meta(announced, digest=digest)
        folder = layout.series_folder(
            calling_ae=announced.calling_ae,
            received_at=announced.received_at,
            study_uid=found.study_instance_uid,
            series_uid=found.series_instance_uid,
        )
        try:
            path, duplicate = self._place(folder, meta, place)
            received_at = modified_at(self.root / path) if duplicate else announced.received_at
        except OSError as error:
            raise as_not_stored(error) from error
        instance = as_instance(found, meta, path=path, size=len(dataset), received_at=received_at)
        return StoredObject(instance=instance, duplicate=duplicate, is_whole=found.is_whole)

    def store_part10(
        self, data: bytes, *, calling_ae: str, called_ae: str, received_at: datetime
    ) -> StoredObject:
        """Store the data set of a Part 10 file, under File Meta Information of our own.

        Raises
        ------
        NotStoredError
            As for ``store``; UnreadableDatasetError also where it is no Part 10 file.
        """
        meta, offset = decode_head(data)
        announced = Announcement(
            sop_class_uid=meta.sop_class_uid,
            sop_instance_uid=meta.sop_instance_uid,
            transfer_syntax_uid=meta.transfer_syntax_uid,
            calling_ae=calling_ae,
            called_ae=called_ae,
            received_at=received_at,
        )
        return self.store(memoryview(data)[offset:], announced)

    def refuse(
        self, dataset: Buffer, announced: Announcement, *, status: int, reason: str
    ) -> str | None:
        """Keep the bytes of a refused object beside a file that says why, within a bound.

        Returns the path relative to the root, or ``None`` where there was no room for it.
        """
        try:
            self.admit(len(dataset))
        except (OutOfSpaceError, ObjectTooLargeError, WriteError):
            return None
        return self._refused.keep(dataset, announced, status=status, reason=reason)

    def path(self, stored: ReceivedInstance | str) -> Path:
        """Return the absolute path of a stored object.

        Raises
        ------
        NotInArchiveError
            The path does not lie below the archive's root.
        """
        return layout.below(self.root, stored if isinstance(stored, str) else stored.path)

    def require_here(self) -> None:
        """Say whether the archive is where it was opened, or an empty folder stands there, or none.

        Raises
        ------
        ArchiveAwayError
            Its own folders are not there.
        """
        try:
            is_here = (self.root / layout.INCOMING).is_dir()
        except OSError as error:
            raise ArchiveAwayError(f"the archive cannot be reached: {error.strerror}") from error
        if not is_here:
            raise ArchiveAwayError(f"the archive cannot be reached: {self.root} is not mounted")

    def require_content(self) -> None:
        """Say whether anything lies where objects were stored: for a start, before ``open``.

        Raises
        ------
        ArchiveAwayError
            The root is empty or missing. Opened now, it would take objects that the disk hides
            once it is mounted.
        """
        try:
            is_here = self.root.exists() and not is_empty(self.root)
        except OSError as error:
            raise ArchiveAwayError(f"the archive cannot be reached: {error.strerror}") from error
        if not is_here:
            raise ArchiveAwayError(
                f"{self.root} is empty, and objects were stored in it: mount its disk, or where "
                f"they are gone for good, make the folder {self.root / layout.INCOMING}"
            )

    def admit(self, size: int) -> None:
        """Say whether there is room for so many bytes.

        Raises
        ------
        NotStoredError
            There is not, or nobody can tell.
        """
        if size > self.settings.max_object_bytes:
            raise ObjectTooLargeError(
                f"{size} bytes; the node takes at most {self.settings.max_object_bytes}"
            )
        try:
            status = os.statvfs(self.root)
        except OSError as error:
            raise ArchiveAwayError(f"the archive cannot be reached: {error.strerror}") from error
        if status.f_bavail * status.f_frsize - size < self.settings.min_free_bytes:
            raise OutOfSpaceError(f"less than {self.settings.min_free_bytes} bytes would be free")

    def _place(
        self, folder: PurePosixPath, meta: FileMeta, place: Callable[[Path, FileMeta], None]
    ) -> tuple[PurePosixPath, bool]:
        """Return where the object lies now, and whether the same bytes lay there before."""
        first = folder / (layout.uid_name(meta.sop_instance_uid) + layout.SUFFIX)
        later = folder / layout.conflict_name(meta.sop_instance_uid, meta.digest)
        for path in (first, later):
            target = self.root / path
            if not target.exists():
                try:
                    place(target, meta)
                except FileExistsError:  # another receiver was faster: look at what it stored
                    logger.debug("store.race digest=%s", meta.digest[:12])
                else:
                    return path, False
            if holds(target, meta.digest):  # what is damaged since stays beside it
                self._files.confirm(target)
                return path, True
        raise WriteError("a damaged file has the name that this object would get")


class IncomingFile:
    """An object that is written and hashed while it comes (`dicom_node.domain.reception`)."""

    def __init__(
        self, archive: StorageArchive, file: UnplacedFile, announced: Announcement
    ) -> None:
        """Write to ``file``, behind room for its head."""
        self._archive = archive
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0
        # The digest at its end has its length before it has its value.
        head = encode_head(file_meta(announced, digest=self._hash.hexdigest()))
        self._start = len(head)
        try:
            file.write(head)
        except OSError:
            file.close()
            raise

    def write(self, piece: Buffer) -> None:
        """Take the next piece.

        Raises
        ------
        OutOfSpaceError, WriteError
            The disk did not take it.
        """
        self._hash.update(piece)
        self._size += len(piece)
        try:
            self._file.write(piece)
        except OSError as error:
            raise as_not_stored(error) from error

    def store(self, announced: Announcement) -> StoredObject:
        """Make it durable, as ``StorageArchive.store`` does.

        Raises
        ------
        NotStoredError
            As there.
        """

        def place(path: Path, meta: FileMeta) -> None:
            self._file.begin_anew(encode_head(meta))
            self._file.place(path, modified=announced.received_at)

        self._archive.admit(0)
        try:
            dataset = self._file.view()[self._start :]
        except OSError as error:
            raise as_not_stored(error) from error
        digest = self._hash.hexdigest()
        return self._archive.file(dataset, announced, digest=digest, place=place)

    def refuse(self, announced: Announcement, *, status: int, reason: str) -> str | None:
        """Keep it with the reason, as ``StorageArchive.refuse`` does."""
        try:
            dataset = self._file.view()[self._start :]
        except OSError as error:
            logger.warning("refused.unreadable error=%s", error.strerror)
            return None
        return self._archive.refuse(dataset, announced, status=status, reason=reason)

    def close(self) -> None:
        """Let go of it: what was not stored is gone."""
        self._file.close()


def as_instance(
    found: Identified, meta: FileMeta, *, path: PurePosixPath, size: int, received_at: datetime
) -> ReceivedInstance:
    """Put together what the data set, the file meta and the file system say of one object."""
    return ReceivedInstance(
        sop_class_uid=found.sop_class_uid,
        sop_instance_uid=found.sop_instance_uid,
        study_instance_uid=found.study_instance_uid,
        series_instance_uid=found.series_instance_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        calling_ae=meta.calling_ae,
        called_ae=meta.called_ae,
        path=str(path),
        digest=meta.digest,
        size=size,
        received_at=received_at,
        conflict=layout.is_conflict(path.name),
        header=found.header,
        patient=patient_marks(found.study_instance_uid, found.attributes.study),
        attributes=found.attributes,
    )


def as_not_stored(error: OSError) -> OutOfSpaceError | WriteError:
    """Return what an error of the operating system means for an object."""
    if error.errno in _FULL:
        return OutOfSpaceError("the disk is full")
    if error.errno in _AWAY:
        return ArchiveAwayError(f"the archive cannot be written: {error.strerror}")
    return WriteError(f"the object could not be made durable: {error.strerror}")
