"""Bodies of metadata and bulk data (PS3.18 Section 10.5.1): the metadata first, values after it.

In JSON the first part describes all objects, in XML each has a part of its own.

An object is taken as soon as the last of its values has come, so that what waits stays small where
a client sends the values of one object together, and is bounded where it does not.
"""

from collections.abc import Iterator

from dicom_node.dicomweb.assembling import (
    BulkPart,
    CannotAssembleError,
    Described,
    assemble,
    described,
)
from dicom_node.dicomweb.errors import BadRequestBodyError
from dicom_node.dicomweb.json_bodies import read_json
from dicom_node.dicomweb.media_types import DICOM_JSON, DICOM_XML, OCTET_STREAM
from dicom_node.dicomweb.native_reading import read_native_model
from dicom_node.dicomweb.parts import PartHeaders
from dicom_node.dicomweb.uploads import (
    CANNOT_UNDERSTAND,
    OUT_OF_RESOURCES,
    IncomingObject,
    Kept,
    NotKept,
    Upload,
)

LARGEST_METADATA = 64 * 2**20
MOST_WAITING = 2**30
"""Bytes of values that may wait for the rest of their objects."""


class DescribedObjects:
    """Takes the parts of a body that describes its objects."""

    def __init__(self, upload: Upload, kind: str = DICOM_JSON) -> None:
        self._upload = upload
        self._kind = kind
        self._described_bytes = 0
        self._count = 0
        self._waiting: dict[int, Described] = {}
        self._bulk: dict[str, list[BulkPart]] = {}
        self._described_by: dict[str, set[int]] = {}
        self._held = 0

    def begin(self, _headers: PartHeaders) -> IncomingObject:
        """Return what takes a part."""
        return self._upload.begin()

    def end(self, headers: PartHeaders, part: IncomingObject | None) -> Iterator[Kept | NotKept]:
        """Take a part that has come whole; yield what became of the objects that it completes."""
        assert part is not None  # noqa: S101 - what ``begin`` has given
        if not self._count or self._kind == headers.media_type == DICOM_XML:
            yield from self._described(headers, part)
            return
        if headers.location not in self._described_by:
            part.close()
            words = "no BulkDataURI of the metadata names it"
            yield NotKept(failure_reason=CANNOT_UNDERSTAND, words=words, location=headers.location)
            return
        self._bulk.setdefault(headers.location, []).append(
            BulkPart(
                content=part,
                media_type=headers.media_type or OCTET_STREAM,
                transfer_syntax=headers.parameters.get("transfer-syntax", ""),
            )
        )
        self._held += part.size
        if self._held > MOST_WAITING:
            raise BadRequestBodyError("send the values of one object one after another")
        for number in sorted(self._described_by[headers.location]):
            if self._is_whole(self._waiting[number]):
                yield self._taken(number)

    def finish(self) -> Iterator[Kept | NotKept]:
        """Yield what became of objects whose values have not all come."""
        for each in self._waiting.values():
            yield _refused(each, CANNOT_UNDERSTAND, "not all of its bulk data has come")
        self._waiting.clear()

    def close(self) -> None:
        """Let go of values that wait."""
        for parts in self._bulk.values():
            for each in parts:
                each.content.close()
        self._bulk.clear()

    def _described(self, headers: PartHeaders, part: IncomingObject) -> Iterator[Kept | NotKept]:
        """Read the metadata; objects without bulk data are whole already."""
        is_xml = self._kind == DICOM_XML
        if headers.media_type not in ((DICOM_XML,) if is_xml else (DICOM_JSON, "application/json")):
            raise BadRequestBodyError(f"the first part is the metadata, {self._kind}")
        self._described_bytes += part.size
        if self._described_bytes > LARGEST_METADATA or part.overflowed or part.is_lost:
            raise BadRequestBodyError("the metadata is more than is taken")
        try:
            text = bytes(part.getbuffer())
            objects = described(read_native_model(text) if is_xml else read_json(text))
        except (ValueError, RecursionError) as error:
            words = "no Native DICOM Model" if is_xml else "no JSON"
            raise BadRequestBodyError(f"the metadata is {words}") from error
        finally:
            part.close()
        new = range(self._count, self._count + len(objects))
        self._count += len(objects)
        for number, each in zip(new, objects, strict=True):
            self._waiting[number] = each
            for address in each.addresses:
                self._described_by.setdefault(address, set()).add(number)
        for number in [number for number in new if not self._waiting[number].addresses]:
            yield self._taken(number)

    def _is_whole(self, found: Described) -> bool:
        return all(
            len(self._bulk.get(address, ())) >= self._parts_of(found, address)
            for address in found.addresses
        )

    def _parts_of(self, found: Described, address: str) -> int:
        """How many parts a value comes in: compressed pixels, one for each frame."""
        parts = self._bulk.get(address, ())
        is_compressed = any(each.media_type != OCTET_STREAM for each in parts)
        return found.frames if is_compressed and address == found.pixel_address else 1

    def _taken(self, number: int) -> Kept | NotKept:
        found = self._waiting.pop(number)
        whole = self._upload.begin()
        parts = [each for address in found.addresses for each in self._bulk[address]]
        try:
            if any(each.content.overflowed or each.content.is_lost for each in parts):
                return _refused(found, OUT_OF_RESOURCES, "it is larger than what is taken")
            assemble(found, self._bulk, whole)
            return self._upload.take(whole, "")
        except CannotAssembleError as error:
            return _refused(found, CANNOT_UNDERSTAND, str(error))
        finally:
            self._let_go(number, found)

    def _let_go(self, number: int, found: Described) -> None:
        """Forget values that no other object has."""
        for address in found.addresses:
            self._described_by[address].discard(number)
            if not self._described_by[address]:
                del self._described_by[address]
                for each in self._bulk.pop(address, ()):
                    self._held -= each.content.size
                    each.content.close()


def _refused(found: Described, reason: int, words: str) -> NotKept:
    return NotKept(
        failure_reason=reason,
        words=words,
        sop_class_uid=found.sop_class_uid,
        sop_instance_uid=found.sop_instance_uid,
    )
