"""The head of a stored file is valid, and leaves the data set as it came."""

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydicom import dcmread

from dicom_node.archive.part10 import FileMeta, decode_head, encode_head
from dicom_node.domain.reception import IMPLEMENTATION_CLASS_UID, UnreadableDatasetError
from tests.peers.objects import CR_IMAGE, encoded, make_dataset

EXPLICIT = "1.2.840.10008.1.2.1"
uids = st.lists(st.integers(0, 10**9), min_size=2, max_size=6).map(
    lambda parts: ".".join(str(part) for part in parts)
)
titles = st.text("ABCXYZ019_- ", min_size=1, max_size=16).map(str.strip)
metas = st.builds(
    FileMeta,
    sop_class_uid=uids,
    sop_instance_uid=uids,
    transfer_syntax_uid=st.just(EXPLICIT),
    calling_ae=titles,
    called_ae=titles,
    digest=st.binary(min_size=32, max_size=32).map(bytes.hex),
)


def test_pydicom_reads_what_was_written() -> None:
    dataset = make_dataset()
    meta = FileMeta(
        sop_class_uid=CR_IMAGE,
        sop_instance_uid=str(dataset.SOPInstanceUID),
        transfer_syntax_uid=EXPLICIT,
        calling_ae="MODALITY",
        called_ae="AINODE",
        digest="ab" * 32,
    )

    read = dcmread(BytesIO(encode_head(meta) + encoded(dataset)))

    assert read == dataset
    assert read.file_meta.MediaStorageSOPClassUID == CR_IMAGE
    assert read.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID
    assert read.file_meta.TransferSyntaxUID == EXPLICIT
    assert read.file_meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert read.file_meta.SourceApplicationEntityTitle == "MODALITY"
    assert read.file_meta.SendingApplicationEntityTitle == "MODALITY"
    assert read.file_meta.ReceivingApplicationEntityTitle == "AINODE"
    assert read.file_meta.PrivateInformation == bytes.fromhex("ab" * 32)


@pytest.mark.slow
@given(metas, st.binary(max_size=64))
@example(
    FileMeta(
        sop_class_uid="1.2", sop_instance_uid="1.3", transfer_syntax_uid="1.2.840.10008.1.2.1",
        calling_ae="CR1", called_ae="AINODE", digest="ab" * 32,
    ),
    b"\x00\x00AU\x00\x01",
)  # fmt: skip
def test_reads_back_what_it_wrote(meta: FileMeta, dataset: bytes) -> None:
    head = encode_head(meta)

    read, offset = decode_head(head + b"\x08\x00" + dataset)

    assert read == meta
    assert offset == len(head)
    assert len(head) % 2 == 0


@pytest.mark.parametrize(
    "data", [b"", b"<html>" * 50, bytes(200), bytes(128) + b"DICM", bytes(128) + b"DICM\x02\x00"]
)
def test_refuses_what_is_no_part_10_file(data: bytes) -> None:
    with pytest.raises(UnreadableDatasetError):
        decode_head(data)
