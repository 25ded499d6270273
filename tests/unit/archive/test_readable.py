"""Objects whose VRs are none, or not those of their values, are read as they were meant."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from ai_engine.preprocessing.radiograph import read_radiograph
from dicom_node.archive.elements import LONG_VRS, Element, EncodedDataset
from dicom_node.archive.header import read_header
from dicom_node.archive.object_file import mended_elements, read_object
from dicom_node.archive.part10 import encode_head, file_meta
from dicom_node.archive.readable import mended, readable
from dicom_node.dicomweb.data_sets import metadata
from dicom_node.dicomweb.errors import UnknownResourceError
from dicom_node.domain.mended import MendedElements
from dicom_node.query.catalogue import ArchivedObject
from tests.peers.objects import announcement, encoded
from tests.unit.ai_engine.odd_images import chest

EXPLICIT = str(ExplicitVRLittleEndian)
NO_VRS = (b"??", b"\0\0", b"--", b"  ", b"xx", b"XX", b"A?")


def _elements(data: bytes) -> dict[int, Element]:
    return {each.tag: each for each in EncodedDataset(data, EXPLICIT).elements()}


def _rewritten(data: bytes, tag: int, vr: bytes, *, is_long: bool) -> bytes:
    """The element with another VR, and a head of either form."""
    each = _elements(data)[tag]
    start = each.start - (12 if each.vr in LONG_VRS else 8)
    value = data[each.start : each.end]
    length = struct.pack("<2xL" if is_long else "<H", len(value))
    return data[: start + 4] + vr + length + value + data[each.end :]


def _read(data: bytes, folder: Path) -> Dataset:
    path = folder / "a.dcm"
    path.write_bytes(encode_head(file_meta(announcement(chest()), digest="")) + data)
    return read_object(path)


def _said(dataset: Dataset) -> dict[int, object]:
    return {int(each.tag): each.value for each in dataset if each.tag.group != 0x7FE0}


def _places() -> Iterator[tuple[int, bytes, bool]]:
    # The first element, an identifier, numbers, a name, a sequence, and the pixels.
    tags = (0x00080005, 0x00080018, 0x0020000D, 0x00100010, 0x00280010, 0x00281050)
    for tag in tags:
        yield from ((tag, vr, is_long) for vr in NO_VRS for is_long in (False, True))
    yield from ((tag, b"??", True) for tag in (0x00082218, 0x7FE00010))


@pytest.mark.parametrize(("tag", "vr", "is_long"), list(_places()))
def test_an_element_without_a_vr_is_read_by_the_dictionary(
    tmp_path: Path, tag: int, vr: bytes, is_long: bool
) -> None:
    data = _rewritten(encoded(chest()), tag, vr, is_long=is_long)
    read = _read(data, tmp_path)
    assert _said(read) == _said(chest())
    assert read.PixelData == chest().PixelData
    assert read_header(data, EXPLICIT) == read_header(encoded(chest()), EXPLICIT)


@pytest.mark.parametrize(
    ("tag", "vr", "is_long"),
    [
        (0x00080018, b"OB", True),
        (0x00080018, b"SQ", True),
        (0x00080018, b"FD", False),
        (0x00080018, b"PN", False),
        (0x0020000D, b"DS", False),
        (0x00100010, b"US", False),
        (0x00280010, b"LO", False),
        (0x00280010, b"OB", True),
        (0x00281050, b"US", False),
        (0x00281051, b"FD", False),
        (0x00080060, b"OB", False),  # a long VR with a short length
        (0x00082218, b"LO", False),
    ],
)
def test_a_value_that_is_none_of_its_vr_is_read_by_the_dictionary(
    tmp_path: Path, tag: int, vr: bytes, is_long: bool
) -> None:
    data = _rewritten(encoded(chest()), tag, vr, is_long=is_long)
    read = _read(data, tmp_path)
    assert _said(read) == _said(chest())
    same = read_radiograph(read).pixels == read_radiograph(chest()).pixels
    assert np.all(same)


@pytest.mark.parametrize("vr", NO_VRS)
def test_a_data_set_without_any_vr_is_read(tmp_path: Path, vr: bytes) -> None:
    whole = encoded(chest())
    data = bytearray(whole)
    for each in _elements(whole).values():
        if each.vr not in LONG_VRS:
            data[each.start - 4 : each.start - 2] = vr
    assert _said(_read(bytes(data), tmp_path)) == _said(chest())


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("vr", NO_VRS)
def test_elements_of_items_are_read_too(tmp_path: Path, vr: bytes, undefined: bool) -> None:
    source = chest()
    source["AnatomicRegionSequence"].is_undefined_length = undefined
    source.AnatomicRegionSequence[0].is_undefined_length_sequence_item = undefined
    data = bytearray(encoded(source))
    sequence = _elements(bytes(data))[0x00082218]
    ((start, end),) = EncodedDataset(bytes(data), EXPLICIT).item_places(sequence)
    for each in EncodedDataset(bytes(data), EXPLICIT).elements(start, end):
        data[each.start - 4 : each.start - 2] = vr
    assert _said(_read(bytes(data), tmp_path)) == _said(chest())


@pytest.mark.parametrize("vr", [*NO_VRS, b"UN"])
def test_private_elements_are_bytes_that_nobody_reads(tmp_path: Path, vr: bytes) -> None:
    source = chest()
    source.private_block(0x0013, "ACME", create=True).add_new(1, "LO", "ours")
    data = _rewritten(encoded(source), 0x00131001, vr, is_long=True)
    read = _read(data, tmp_path)
    assert bytes(read[0x00131001].value) == b"ours"
    assert read.PixelData == source.PixelData


def test_a_data_set_as_it_should_be_is_left_alone() -> None:
    assert readable(encoded(chest()), EXPLICIT) is None
    assert not mended(encoded(chest()), EXPLICIT)


@pytest.mark.parametrize(
    ("tag", "vr", "is_long"),
    [(0x00080018, b"??", True), (0x00280010, b"OB", True), (0x00082218, b"LO", False)],
)
def test_what_was_read_as_meant_is_known_by_its_tag(
    tmp_path: Path, tag: int, vr: bytes, is_long: bool
) -> None:
    _read(_rewritten(encoded(chest()), tag, vr, is_long=is_long), tmp_path)
    assert mended_elements(tmp_path / "a.dcm") == MendedElements(read=(tag,))


def test_an_element_of_an_item_that_was_read_as_meant_is_known_too() -> None:
    data = bytearray(encoded(chest()))
    sequence = _elements(bytes(data))[0x00082218]
    ((start, end),) = EncodedDataset(bytes(data), EXPLICIT).item_places(sequence)
    inner = list(EncodedDataset(bytes(data), EXPLICIT).elements(start, end))
    data[inner[0].start - 4 : inner[0].start - 2] = b"??"
    assert mended(bytes(data), EXPLICIT) == MendedElements(read=(inner[0].tag,))


def test_a_value_that_the_attribute_cannot_have_is_known_to_count_as_empty() -> None:
    source = chest()
    source.add_new(0x00280106, "LO", "Q")  # an odd number of bytes, which no US has
    data = encoded(source).replace(b"\x28\x00\x06\x01LO\x02\x00Q ", b"\x28\x00\x06\x01??\x01\x00Q")
    assert mended(data, EXPLICIT) == MendedElements(emptied=(0x00280106,))


def _nested(depth: int) -> bytes:
    """A data set with sequences in each other; the innermost Rows has no VR."""
    inner = struct.pack("<HH2sHH", 0x0028, 0x0010, b"??", 2, 512)
    for _ in range(depth):
        item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
        inner = struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, len(item)) + item
    data = encoded(chest())
    place = data.index(struct.pack("<HH", 0x7FE0, 0x0010))
    return data[:place] + inner + data[place:]


@pytest.mark.parametrize(("depth", "read"), [(40, (0x00280010,)), (2000, ())])
def test_sequences_within_each_other_are_followed_so_far_and_no_further(
    tmp_path: Path, depth: int, read: tuple[int, ...]
) -> None:
    assert mended(_nested(depth), EXPLICIT).read == read
    assert _read(_nested(depth), tmp_path).Rows == chest().Rows


def test_what_lies_too_deep_to_be_told_as_json_is_said_to(tmp_path: Path) -> None:
    _read(_nested(2000), tmp_path)
    archived = ArchivedObject(
        study_instance_uid="1.2",
        series_instance_uid="1.2.3",
        sop_instance_uid="1.2.3.4",
        path=tmp_path / "a.dcm",
    )
    with pytest.raises(UnknownResourceError, match="too deep"):
        metadata(archived, root="http://node")
