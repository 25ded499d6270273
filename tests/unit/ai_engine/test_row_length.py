"""Whether rows are longer than Columns says, of images that are whole with zeros behind them."""

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.errors import ImageRefusedError
from ai_engine.preprocessing.row_length import require_no_longer_rows

ROWS, COLUMNS = 320, 400


def _image(seed: int) -> npt.NDArray[np.uint16]:
    """Soft shapes with noise, as radiographs have."""
    rng = np.random.default_rng(seed)
    shapes = cv2.GaussianBlur(rng.normal(0, 1, (ROWS, COLUMNS)), (0, 0), 8.0)
    noise = rng.normal(0, 20, (ROWS, COLUMNS))
    return np.clip(2000 + 800 * shapes / shapes.std() + noise, 0, 4095).astype(np.uint16)


@pytest.mark.parametrize("longer", [1, 2, 8, 64])
@pytest.mark.parametrize("seed", range(12))
def test_zeros_behind_a_whole_image_make_its_rows_no_longer(seed: int, longer: int) -> None:
    """Other rows were compared than those of the image as stated, and by chance fitted better."""
    flat = np.concatenate([_image(seed).ravel(), np.zeros(ROWS * longer, np.uint16)])
    require_no_longer_rows(flat, (ROWS, COLUMNS), longer)


@pytest.mark.parametrize("longer", [1, 2, 8, 64])
@pytest.mark.parametrize("seed", range(12))
def test_rows_that_are_longer_are_refused(seed: int, longer: int) -> None:
    with pytest.raises(ImageRefusedError, match="whose rows are longer"):
        require_no_longer_rows(_image(seed).ravel(), (ROWS, COLUMNS - longer), longer)


def test_an_image_of_one_row_is_asked_nothing_that_it_has_not() -> None:
    require_no_longer_rows(np.arange(300, dtype=np.uint16), (1, 290), 10)
