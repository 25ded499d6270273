"""What an image would take is counted before a decoder sees it: header, code stream and frames."""

import struct
import time
import zlib

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import RLELossless

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason as Reason
from ai_engine.preprocessing.code_stream import read_code_stream, read_rle
from ai_engine.preprocessing.decoding import decode_pixels, require_decodable
from ai_engine.preprocessing.frame_source import DEFLATED_FRAMES
from tests.unit.ai_engine.odd_images import COLUMNS, ROWS, chest, pixels, rle, stream

pytestmark = pytest.mark.slow

ENOUGH_FOR_REFUSING = 1.0  # seconds


def many_frames(count: int, frame: bytes, syntax: str) -> Dataset:
    dataset = chest()
    stream(frame, syntax)(dataset)
    dataset.PixelData = encapsulate([frame] * count)
    dataset.NumberOfFrames = count
    return dataset


def refusal_of(dataset: Dataset) -> Reason:
    started = time.perf_counter()
    with pytest.raises(ImageRefusedError) as refused:
        decode_pixels(dataset)
    assert time.perf_counter() - started < ENOUGH_FOR_REFUSING
    return refused.value.reason


def test_frames_that_take_gigabytes_together_are_refused_and_one_of_them_is_not() -> None:
    dataset = many_frames(2000, rle(), RLELossless)  # 1.3 GB in 16 bits
    assert refusal_of(dataset) is Reason.TOO_LARGE
    with pytest.raises(ImageRefusedError, match="take more than 1024 MiB"):
        require_decodable(dataset)
    one = decode_pixels(dataset, frame=1999).values
    np.testing.assert_array_equal(one, pixels())


def test_deflated_frames_are_counted_before_any_is_inflated() -> None:
    frame = zlib.compress(bytes(2 * ROWS * COLUMNS), wbits=-15)
    assert refusal_of(many_frames(2000, frame, DEFLATED_FRAMES)) is Reason.TOO_LARGE


def test_a_depth_that_is_not_stated_counts_as_the_deepest() -> None:
    dataset = many_frames(1000, rle(), RLELossless)
    del dataset.BitsAllocated
    assert refusal_of(dataset) is Reason.TOO_LARGE


def test_rle_segments_that_unpack_to_more_than_the_image_are_refused() -> None:
    """A few kilobytes of header and 25 MB of runs: a decoder would unpack 1.6 GB of them."""
    runs = b"\x81\x00" * 12_500_000
    head = struct.pack("<16L", 2, 64, 64 + len(runs) // 2, *(0,) * 13)
    assert refusal_of(many_frames(1, head + runs, RLELossless)) is Reason.UNDECODABLE


def test_rle_in_its_longest_form_is_no_more_than_the_image() -> None:
    """Rows of one pixel take two bytes each, and fragments may be padded."""
    segment = b"\x00\x07" * 1000
    head = struct.pack("<16L", 1, 64, *(0,) * 14)
    assert read_rle(head + segment + bytes(512), 1000) is not None


def test_a_code_stream_that_only_begins_is_not_followed_for_long() -> None:
    """Each fill byte (ISO/IEC 10918-1 B.1.1.2) is a step; images have a handful."""
    frame = b"\xff\xc0\x00\x0b\x08\x00\x10\x00\x20\x01\x01\x11\x00"
    few = read_code_stream(b"\xff\xd8" + b"\xff" * 100 + frame)
    assert few is not None
    assert (few.rows, few.columns) == (16, 32)
    assert read_code_stream(b"\xff\xd8" + b"\xff" * 100_000 + frame) is None
