"""Lung masks in the layouts in which they are distributed."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ai_engine.errors import DatasetError
from ai_engine.kinds.lungs.dataset import JSRT_SIDE, read_lungs


def write_mask(path: Path, columns: slice) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((1024, 1024), np.uint8)
    mask[200:800, columns] = 255
    if path.suffix == ".gif":
        Image.fromarray(mask).save(path)
    else:
        cv2.imwrite(str(path), mask)


@pytest.fixture
def jsrt(tmp_path: Path) -> Path:
    """One image of JSRT, black but for a white quarter, and SCR's masks of its lungs."""
    stored = np.full((JSRT_SIDE, JSRT_SIDE), 4095, ">u2")
    stored[: JSRT_SIDE // 2, : JSRT_SIDE // 2] = 0
    (tmp_path / "All247images").mkdir()
    stored.tofile(tmp_path / "All247images" / "JPCLN001.IMG")
    write_mask(tmp_path / "fold1" / "masks" / "left lung" / "JPCLN001.gif", slice(600, 900))
    write_mask(tmp_path / "fold1" / "masks" / "right lung" / "JPCLN001.gif", slice(100, 400))
    return tmp_path


def test_jsrt_is_read_with_scrs_masks(jsrt: Path) -> None:
    (item,) = read_lungs(jsrt)
    image, mask = item.read()
    assert image.shape == mask.shape == (1024, 1024)
    assert image[100, 100] == 255
    assert image[900, 900] == 0
    assert mask[500, 700]
    assert mask[500, 200]
    assert not mask[500, 500]


def test_jsrt_without_a_mask_or_broken_is_told(jsrt: Path) -> None:
    (jsrt / "fold1" / "masks" / "left lung" / "JPCLN001.gif").unlink()
    with pytest.raises(DatasetError, match="JPCLN001 has 1 of two masks"):
        read_lungs(jsrt)
    write_mask(jsrt / "fold2" / "masks" / "left lung" / "JPCLN001.gif", slice(600, 900))
    image = jsrt / "All247images" / "JPCLN001.IMG"
    image.write_bytes(image.read_bytes()[:1000])
    (item,) = read_lungs(jsrt)
    with pytest.raises(DatasetError, match="500 values, not 2048 x 2048"):
        item.read()
    image.unlink()
    with pytest.raises(DatasetError, match=r"holds no \.IMG"):
        read_lungs(jsrt)


def test_montgomery_and_shenzhen_are_read_as_distributed(tmp_path: Path) -> None:
    write_mask(tmp_path / "m" / "CXR_png" / "MCUCXR_0001_0.png", slice(0, 500))
    write_mask(tmp_path / "m" / "ManualMask" / "leftMask" / "MCUCXR_0001_0.png", slice(600, 900))
    write_mask(tmp_path / "m" / "ManualMask" / "rightMask" / "MCUCXR_0001_0.png", slice(100, 400))
    write_mask(tmp_path / "s" / "CXR_png" / "CHNCXR_0001_0.png", slice(0, 500))
    write_mask(tmp_path / "s" / "CXR_png" / "CHNCXR_0002_0.png", slice(0, 500))
    write_mask(tmp_path / "s" / "mask" / "CHNCXR_0001_0_mask.png", slice(100, 400))
    (both,) = read_lungs(tmp_path / "m")
    assert both.read()[1][500, [200, 700]].all()
    (one,) = read_lungs(tmp_path / "s")
    assert one.image.name == "CHNCXR_0001_0.png"
    assert one.read()[1][500, 200]
