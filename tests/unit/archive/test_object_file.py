"""Deflated files are read as pydicom reads them, and no further than any image inflates."""

import time
import tracemalloc
import zlib
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ai_engine.errors import ImageRefusedError, InflatesTooFarError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.radiograph import read_radiograph
from dicom_node.archive.object_file import ALWAYS_INFLATED, read_object
from dicom_node.models.appearance import read_image
from tests.unit.ai_engine.odd_images import chest, pixels, store


def _deflated(path: Path, dataset: Dataset) -> Path:
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dcmwrite(path, dataset, enforce_file_format=True)
    return path


def test_a_deflated_radiograph_is_read_whole(tmp_path: Path) -> None:
    path = _deflated(tmp_path / "a.dcm", chest())
    read, expected = read_object(path), dcmread(path)
    assert read == expected
    assert read.file_meta == expected.file_meta
    assert read_radiograph(read).corrections == ()
    header = read_object(path, stop_before_pixels=True)
    assert header.Rows == read.Rows
    assert "PixelData" not in header


@pytest.mark.slow
def test_a_file_that_inflates_a_thousandfold_is_refused_at_the_cap(tmp_path: Path) -> None:
    """199 KB of file, 200 MB of zeros: a few of them would stop the node for minutes."""
    dataset = chest()
    store(pixels())(dataset)
    dataset.PixelData = bytes(200_000_000)
    path = _deflated(tmp_path / "a.dcm", dataset)
    assert path.stat().st_size < 250_000
    del dataset
    tracemalloc.start()
    started = time.perf_counter()
    with pytest.raises(InflatesTooFarError, match="send it uncompressed"):
        read_object(path)
    seconds, peak = time.perf_counter() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert seconds < 2
    assert peak < 2.5 * ALWAYS_INFLATED
    with pytest.raises(ImageRefusedError) as refused:
        read_image(path)
    assert refused.value.reason is RefusalReason.TOO_LARGE


def test_a_deflated_file_that_breaks_off_is_damaged(tmp_path: Path) -> None:
    path = _deflated(tmp_path / "a.dcm", chest())
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(zlib.error):
        read_object(path)
