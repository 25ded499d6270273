"""The header is read from any encoding, and from broken bytes never with a surprise."""

import struct
import time
import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.archive.header import Identified, read_header
from dicom_node.archive.part10 import decode_head
from dicom_node.domain.instance import CodedValue
from dicom_node.domain.reception import IdentifierMissingError, UnreadableDatasetError
from tests.peers.data import dicom_files
from tests.peers.objects import encoded, make_dataset

SYNTAXES = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def code(value: str, scheme: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def full_dataset(*, undefined_length: bool) -> Dataset:
    region = code("51185008", "SCT", "Chest")
    region.AnatomicRegionModifierSequence = [code("7771000", "SCT", "Left")]
    dataset = make_dataset(
        7,
        ImageType=["DERIVED", "PRIMARY", "POST_PROCESSED"],
        Manufacturer="Maker",
        ManufacturerModelName="Model",
        DeviceSerialNumber="0815",
        StudyDescription="Thorax",
        SeriesDescription="PA upright",
        ProtocolName="Chest PA",
        PresentationIntentType="FOR PRESENTATION",
        ViewPosition="PA",
        Laterality="U",
        SeriesNumber=3,
        NumberOfFrames=1,
        AnatomicRegionSequence=[region],
        ViewCodeSequence=[code("399348003", "SCT", "Postero-anterior")],
        ReferencedStudySequence=[],
    )
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = undefined_length
            for item in element.value:
                item.is_undefined_length_sequence_item = undefined_length
    return dataset


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("undefined_length", [True, False])
def test_reads_every_attribute_in_every_encoding(syntax: str, undefined_length: bool) -> None:
    dataset = full_dataset(undefined_length=undefined_length)

    found = read_header(encoded(dataset, syntax), syntax)

    assert found.sop_class_uid == dataset.SOPClassUID
    assert found.sop_instance_uid == dataset.SOPInstanceUID
    assert found.study_instance_uid == dataset.StudyInstanceUID
    assert found.series_instance_uid == dataset.SeriesInstanceUID
    header = found.header
    assert (header.modality, header.body_part_examined) == ("CR", "CHEST")
    assert (header.view_position, header.laterality) == ("PA", "U")
    assert (header.manufacturer, header.manufacturer_model_name) == ("Maker", "Model")
    assert header.device_serial_number == "0815"
    assert (header.study_description, header.series_description) == ("Thorax", "PA upright")
    assert (header.protocol_name, header.presentation_intent) == ("Chest PA", "FOR PRESENTATION")
    assert (header.series_number, header.instance_number, header.number_of_frames) == (3, 7, 1)
    assert (header.rows, header.columns) == (4, 6)
    assert header.photometric_interpretation == "MONOCHROME2"
    assert header.image_type == ("DERIVED", "PRIMARY", "POST_PROCESSED")
    assert header.anatomic_region == CodedValue(value="51185008", scheme="SCT", meaning="Chest")
    assert header.view is not None
    assert header.view.value == "399348003"
    assert header.has_pixels


@pytest.mark.parametrize("folder", ["received", "reference-sr"])
def test_agrees_with_pydicom_on_real_objects(folder: str) -> None:
    for path in dicom_files(folder):
        expected = dcmread(path)
        data = path.read_bytes()
        meta, offset = decode_head(data)

        found = read_header(memoryview(data)[offset:], meta.transfer_syntax_uid)

        assert found.sop_instance_uid == expected.SOPInstanceUID, path.name
        assert found.study_instance_uid == expected.StudyInstanceUID, path.name
        assert found.series_instance_uid == expected.SeriesInstanceUID, path.name
        assert found.header.modality == expected.Modality, path.name
        assert found.header.rows == expected.get("Rows"), path.name
        assert found.header.has_pixels == ("PixelData" in expected), path.name


@pytest.mark.parametrize(
    ("attributes", "species"),
    [
        ({"PatientSpeciesCodeSequence": [code("448771007", "SCT", "Canis lupus")]}, "Canis lupus"),
        ({"PatientSpeciesCodeSequence": [code("337915000", "SCT", "")]}, "Homo sapiens"),
        ({"PatientBreedDescription": "Labrador"}, "an animal, by breed or neutering"),
        (
            {"PatientBreedCodeSequence": [code("1", "99X", "Dog")]},
            "an animal, by breed or neutering",
        ),
        ({"PatientSexNeutered": "ALTERED"}, "an animal, by breed or neutering"),
        ({"PatientBreedDescription": "", "PatientBreedCodeSequence": []}, None),
        ({"PatientSpeciesDescription": "Homo sapiens", "PatientSexNeutered": ""}, "Homo sapiens"),
        ({"PatientBreedDescription": "N/A"}, None),
        ({"PatientBreedDescription": "Human"}, None),
        ({"ResponsiblePersonRole": "PARENT"}, None),
        ({"ResponsiblePersonRole": "OWNER"}, "an animal, by its owner"),
        (
            {"PatientSpeciesDescription": "unknown", "PatientBreedDescription": "Labrador"},
            "an animal, by breed or neutering",
        ),
    ],
)
def test_an_animal_is_known_by_code_breed_or_neutering(
    attributes: dict[str, object], species: str | None
) -> None:
    dataset = make_dataset(1, **attributes)
    found = read_header(encoded(dataset), ExplicitVRLittleEndian)
    assert found.header.patient_species == species


def test_has_no_pixels_without_pixel_data() -> None:
    dataset = make_dataset(PixelData=None)

    assert not read_header(encoded(dataset), ExplicitVRLittleEndian).header.has_pixels


@pytest.mark.parametrize(
    "keyword", ["SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"]
)
def test_names_the_identifier_that_is_missing(keyword: str) -> None:
    for absent in (None, ""):
        dataset = make_dataset(1, **{keyword: absent})
        with pytest.raises(IdentifierMissingError, match=keyword):
            read_header(encoded(dataset), ExplicitVRLittleEndian)


@pytest.mark.parametrize("keyword", ["StudyInstanceUID", "SeriesInstanceUID"])
@pytest.mark.parametrize("value", ["1.2 .3", "1.2\\3.4", "1.2\x1b", "1.\xff"])
def test_what_nothing_can_refer_to_is_no_identifier(keyword: str, value: str) -> None:
    dataset = make_dataset(1, SeriesInstanceUID="1.2.3.99", StudyInstanceUID="1.2.3.98")
    sound = getattr(dataset, keyword).encode()
    spoiled = value.encode("latin-1").ljust(len(sound), b"\0")
    data = encoded(dataset).replace(sound, spoiled)
    with pytest.raises(IdentifierMissingError, match=f"{keyword} holds characters"):
        read_header(data, ExplicitVRLittleEndian)


def test_an_invalid_uid_of_digits_is_an_identifier() -> None:
    dataset = make_dataset(1, SeriesInstanceUID="1.2.3.99")
    data = encoded(dataset).replace(b"1.2.3.99", b"1.02.003")
    assert read_header(data, ExplicitVRLittleEndian).series_instance_uid == "1.02.003"


@pytest.mark.parametrize(
    ("declared", "actual"),
    [
        (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        (ImplicitVRLittleEndian, ExplicitVRLittleEndian),
    ],
)
def test_reads_a_data_set_whose_vr_encoding_is_mislabelled(declared: str, actual: str) -> None:
    dataset = make_dataset()

    found = read_header(encoded(dataset, actual), declared)

    assert found.sop_instance_uid == dataset.SOPInstanceUID


def test_refuses_a_data_set_in_the_wrong_byte_order() -> None:
    with pytest.raises(UnreadableDatasetError):
        read_header(encoded(make_dataset(), ExplicitVRBigEndian), ExplicitVRLittleEndian)


@pytest.mark.parametrize(
    ("character_set", "text"),
    [
        ("ISO_IR 100", "Thorax übersichtlich"),
        ("ISO_IR 192", "胸部 грудь"),
        (["", "ISO 2022 IR 87"], "胸部"),
        (["", "ISO 2022 IR 149"], "흉부"),
        (None, "plain"),
    ],
)
def test_decodes_descriptions(character_set: str | list[str] | None, text: str) -> None:
    dataset = make_dataset(SeriesDescription=text)
    raw = Dataset()
    if character_set is not None:
        raw.SpecificCharacterSet = character_set
    dataset.update(raw)

    found = read_header(encoded(dataset), ExplicitVRLittleEndian)

    assert found.header.series_description == text


@pytest.mark.parametrize("vr", [b"??", b"\0\0", b"  ", b"--", b"cs", b"\xff\xff"])
@pytest.mark.parametrize("tag", [0x00080060, 0x00080005, 0x00091001, 0x00181030, 0x00200013])
@pytest.mark.parametrize("head", ["short", "long"])
def test_an_element_whose_vr_is_none_is_stepped_over(vr: bytes, tag: int, head: str) -> None:
    """Written as '??' or NULs by programs that know no VR for it, whatever comes behind it."""
    dataset = make_dataset(SpecificCharacterSet="ISO_IR 100", ProtocolName="CHEST")
    private = dataset.private_block(0x0009, "MAKER", create=True)
    private.add_new(0x01, "LO", "value")
    data = encoded(dataset)
    place = data.index(struct.pack("<HH", tag >> 16, tag & 0xFFFF))
    length = struct.unpack_from("<H", data, place + 6)[0]
    odd = vr + struct.pack("<H", length) if head == "short" else vr + struct.pack("<HL", 0, length)
    changed = data[: place + 4] + odd + data[place + 8 :]

    found = read_header(changed, ExplicitVRLittleEndian)

    assert found.study_instance_uid == dataset.StudyInstanceUID
    assert found.header.has_pixels


@pytest.mark.parametrize("vr", [b"??", b"\0\0"])
def test_an_element_whose_vr_is_none_is_stepped_over_within_a_sequence(vr: bytes) -> None:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", "one"
    dataset = make_dataset(ProcedureCodeSequence=[item])
    dataset["ProcedureCodeSequence"].is_undefined_length = True
    item.is_undefined_length_sequence_item = True
    data = encoded(dataset)
    place = data.index(struct.pack("<HH", 0x0008, 0x0102))
    changed = data[: place + 4] + vr + data[place + 6 :]

    assert read_header(changed, ExplicitVRLittleEndian).header.rows == 4


def test_skips_private_sequences_of_unknown_vr() -> None:
    """An undefined-length UN holds implicit VR (PS3.5 Section 6.2.2)."""
    inner = encoded(make_dataset(9), ImplicitVRLittleEndian)
    item = b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + inner + b"\xfe\xff\x0d\xe0\0\0\0\0"
    private = b"\x09\x00\x10\x10UN\0\0\xff\xff\xff\xff" + item + b"\xfe\xff\xdd\xe0\0\0\0\0"
    whole = encoded(make_dataset(1))
    cut = whole.index(b"\x18\x00\x15\x00")

    found = read_header(whole[:cut] + private + whole[cut:], ExplicitVRLittleEndian)

    assert found.sop_instance_uid == make_dataset(1).SOPInstanceUID
    assert found.header.body_part_examined == "CHEST"


def test_skips_deep_nesting_without_recursion() -> None:
    depth = 20_000
    opened = b"\x08\x00\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    closed = b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * depth
    whole = encoded(make_dataset())
    cut = whole.index(b"\x18\x00\x15\x00")

    found = read_header(whole[:cut] + opened + closed + whole[cut:], ExplicitVRLittleEndian)

    assert found.header.body_part_examined == "CHEST"


@pytest.mark.slow
def test_inflates_only_as_much_as_a_header_needs() -> None:
    dataset = make_dataset()
    start = encoded(dataset)[: encoded(dataset).index(b"\xe0\x7f\x10\x00")]
    bomb = start + b"\xe0\x7f\x10\x00OB\0\0" + (512 << 20).to_bytes(4, "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [packer.compress(bomb)]
    parts += [packer.compress(bytes(1 << 20)) for _ in range(64)]
    parts.append(packer.flush())

    found = read_header(b"".join(parts), DeflatedExplicitVRLittleEndian)

    assert found.header.has_pixels


def test_refuses_file_meta_information_within_a_data_set() -> None:
    """It would become part of the stored file's own."""
    meta = b"\x02\x00\x10\x00UI\x04\x001.2\0"

    with pytest.raises(UnreadableDatasetError, match="File Meta"):
        read_header(meta + encoded(make_dataset()), ExplicitVRLittleEndian)


def test_refuses_a_broken_deflated_stream() -> None:
    with pytest.raises(UnreadableDatasetError):
        read_header(b"\xff" * 64, DeflatedExplicitVRLittleEndian)


def test_is_identified_or_refused_wherever_it_breaks_off() -> None:
    whole = encoded(full_dataset(undefined_length=True))
    complete = read_header(whole, ExplicitVRLittleEndian)
    for length in range(len(whole)):
        try:
            found = read_header(whole[:length], ExplicitVRLittleEndian)
        except UnreadableDatasetError:
            continue
        assert found.sop_instance_uid == complete.sop_instance_uid


@given(st.binary(max_size=400), st.sampled_from(SYNTAXES))
def test_random_bytes_are_identified_or_refused(data: bytes, syntax: str) -> None:
    try:
        assert isinstance(read_header(data, syntax), Identified)
    except UnreadableDatasetError:
        return


@given(st.data())
@pytest.mark.slow
def test_damaged_objects_are_identified_or_refused(data: st.DataObject) -> None:
    damaged = bytearray(encoded(full_dataset(undefined_length=True)))
    for _ in range(data.draw(st.integers(1, 8))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(read_header(bytes(damaged), ExplicitVRLittleEndian), Identified)
    except UnreadableDatasetError:
        return


def test_sequences_without_items_or_codes_are_no_codes() -> None:
    dataset = make_dataset(AnatomicRegionSequence=Sequence(), ViewCodeSequence=[Dataset()])

    header = read_header(encoded(dataset), ExplicitVRLittleEndian).header

    assert header.anatomic_region is None
    assert header.view is None


def test_reads_from_any_buffer() -> None:
    data = encoded(make_dataset())
    buffers: list[bytes | bytearray | memoryview] = [
        data,
        bytearray(data),
        BytesIO(data).getbuffer(),
    ]

    assert (
        len({read_header(each, ExplicitVRLittleEndian).sop_instance_uid for each in buffers}) == 1
    )


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.slow
def test_a_header_of_endless_elements_is_given_up_after_a_moment(nested: bool) -> None:
    """Empty elements take eight bytes each: two gigabytes of them would be read for minutes."""
    empty = struct.pack("<HH2sH", 0x0008, 0x0005, b"CS", 0)
    many = empty * 3_000_000
    if nested:
        item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
        many = struct.pack("<HH2sHL", 0x0008, 0x1140, b"SQ", 0, 0xFFFFFFFF) + item + many
    started = time.perf_counter()
    with pytest.raises(UnreadableDatasetError, match="more elements than any image needs"):
        read_header(many, ExplicitVRLittleEndian)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("written", [b"ct", b"Ct\0 ", b" CT ", b"ct\0\0"])
def test_a_modality_is_the_same_in_small_letters_and_with_blanks_or_nuls(written: bytes) -> None:
    plain = encoded(make_dataset(7, Modality="QQQQ"[: len(written)]), ExplicitVRLittleEndian)
    stated = b"Q" * len(written)
    found = read_header(plain.replace(stated, written), ExplicitVRLittleEndian)
    assert found.header.modality == "CT"
