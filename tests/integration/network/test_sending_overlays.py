"""A colour overlay goes out compressed without loss where its receiver takes that."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from dicom_node.domain.application_entity import Compression
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.pace import Pace
from dicom_node.network.sender import StorageSender, compressed
from dicom_node.network.storage_scu import Way, storage_line, store
from dicom_node.workflow.delivery.ports import Outcome
from sr_templates.secondary_capture import build_overlays
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.peers import dcmtk
from tests.unit.builders import an_entity
from tests.unit.sr_templates.builders import a_context, a_prediction, a_source, some_pixels

pytestmark = pytest.mark.peer


@pytest.fixture
def overlay(tmp_path: Path) -> Path:
    (made,) = build_overlays(a_prediction(), a_source(), some_pixels(), a_context())
    made.save_as(tmp_path / "overlay.dcm", enforce_file_format=True)
    return tmp_path / "overlay.dcm"


def sent(
    overlay: Path, folder: Path, option: str, compression: Compression = Compression.SMALLEST
) -> tuple[Dataset, Path]:
    with dcmtk.storescp(folder / "peer", options=[option]) as peer:
        to = Destination(ae_title=peer.peer.ae_title, host=peer.peer.host, port=peer.peer.port)
        (outcome,) = store([overlay], to, compress=compressed(compression))
        assert outcome.stored, outcome
        (arrived,) = peer.files()
        return dcmread(arrived), arrived


@pytest.mark.parametrize(
    ("option", "syntax"),
    [
        ("+xt", JPEGLSLossless),
        ("+xv", JPEG2000Lossless),
        ("+xr", RLELossless),
        ("+xe", ExplicitVRLittleEndian),
        ("+xi", ImplicitVRLittleEndian),
        ("+xa", JPEGLSLossless),
    ],
)
def test_an_overlay_arrives_pixel_by_pixel_as_its_receiver_wants_it(
    overlay: Path, tmp_path: Path, option: str, syntax: str
) -> None:
    arrived, path = sent(overlay, tmp_path, option)
    kept = dcmread(overlay)
    assert arrived.file_meta.TransferSyntaxUID == syntax
    assert arrived.SOPInstanceUID == kept.SOPInstanceUID
    assert np.array_equal(arrived.pixel_array, kept.pixel_array)
    if arrived.file_meta.TransferSyntaxUID.is_compressed:
        assert len(arrived.PixelData) < len(kept.PixelData)
    assert dciodvfy_errors(path) == []


@pytest.mark.parametrize(
    ("compression", "syntax"),
    [
        (Compression.JPEG_LS, JPEGLSLossless),
        (Compression.JPEG_2000, JPEG2000Lossless),
        (Compression.RLE, RLELossless),
        (Compression.NONE, ExplicitVRLittleEndian),
    ],
)
def test_a_receiver_of_everything_gets_the_transfer_syntax_that_its_viewers_show(
    overlay: Path, tmp_path: Path, compression: Compression, syntax: str
) -> None:
    arrived, _ = sent(overlay, tmp_path, "+xa", compression)
    assert arrived.file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(arrived.pixel_array, dcmread(overlay).pixel_array)


def test_a_way_that_a_receiver_refuses_gives_way_to_none(overlay: Path, tmp_path: Path) -> None:
    arrived, _ = sent(overlay, tmp_path, "+xt", Compression.RLE)
    assert not arrived.file_meta.TransferSyntaxUID.is_compressed


def test_nothing_is_compressed_unasked(overlay: Path, tmp_path: Path) -> None:
    with dcmtk.storescp(tmp_path / "peer") as peer:
        to = Destination(ae_title=peer.peer.ae_title, host=peer.peer.host, port=peer.peer.port)
        store([overlay], to)
        (arrived,) = peer.files()
        assert dcmread(arrived).file_meta.TransferSyntaxUID == ExplicitVRLittleEndian


@pytest.mark.parametrize(
    ("option", "near", "far"),
    [
        ("+xa", ExplicitVRLittleEndian, JPEGLSLossless),
        ("+xe", ExplicitVRLittleEndian, ExplicitVRLittleEndian),
        ("+xi", ImplicitVRLittleEndian, ImplicitVRLittleEndian),
    ],
)
def test_one_that_is_near_gets_an_overlay_as_it_is_and_one_that_is_far_the_smallest(
    overlay: Path, tmp_path: Path, option: str, near: str, far: str
) -> None:
    """The same pixels and attributes arrive; only the transfer syntax differs."""
    kept = dcmread(overlay)
    for address, syntax in (("", near), ("8.8.8.8", far)):
        pace = _Elsewhere(address)
        with dcmtk.storescp(tmp_path / (address or "here"), options=[option]) as peer:
            to = Destination(ae_title=peer.peer.ae_title, host=peer.peer.host, port=peer.peer.port)
            way = Way(compress=compressed(Compression.AUTOMATIC), pace=pace)
            with storage_line([overlay], to, way=way) as line:
                (outcome,) = line.store([overlay])
            assert outcome.stored, outcome
            (path,) = peer.files()
        arrived = dcmread(path)
        assert arrived.file_meta.TransferSyntaxUID == syntax
        assert np.array_equal(arrived.pixel_array, kept.pixel_array)
        assert dciodvfy_errors(path) == []
        for each in (arrived, simple := dcmread(overlay)):
            del each.PixelData
        assert list(arrived) == list(simple)


@pytest.mark.parametrize(
    ("compression", "syntax"),
    [
        (Compression.AUTOMATIC, ExplicitVRLittleEndian),
        (Compression.SMALLEST, JPEGLSLossless),
        (Compression.RLE, RLELossless),
    ],
)
def test_a_destination_on_this_host_is_near_unless_its_entry_says_how_overlays_travel(
    overlay: Path, tmp_path: Path, compression: Compression, syntax: str
) -> None:
    with dcmtk.storescp(tmp_path / "peer", options=["+xa"]) as peer:
        to = Destination(ae_title=peer.peer.ae_title, host=peer.peer.host, port=peer.peer.port)
        sender = StorageSender(
            ae_title="AINODE", timeouts=ScuTimeouts(), path_of=Path, address=lambda _: to
        )
        entity = an_entity("PACS", compression=compression)
        with sender.connect(entity, [str(overlay)]) as line:
            (sent_one,) = line.send([str(overlay)])
        assert sent_one.outcome is Outcome.STORED, sent_one
        (path,) = peer.files()
    assert dcmread(path).file_meta.TransferSyntaxUID == syntax


class _Elsewhere(Pace):
    """A pace at which a peer seems to be reached somewhere else."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._shown = address

    def reached(self, address: str) -> None:
        """Take note of the address that was given, if one was."""
        super().reached(self._shown or address)
