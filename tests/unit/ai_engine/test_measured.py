"""What is measured of an image is measured once, and never of another."""

import threading
from dataclasses import replace

import numpy as np
import pytest

from ai_engine.prediction import Region
from ai_engine.preprocessing.quality import exposed_part, image_quality
from ai_engine.preprocessing.radiograph import Radiograph


@pytest.fixture
def shown() -> Radiograph:
    pixels = np.random.default_rng(2).random((300, 260), dtype=np.float32)
    return Radiograph(
        sop_instance_uid="1", pixels=pixels, content=Region(left=0, top=0, right=260, bottom=300)
    )


def test_a_measure_is_taken_once_however_many_ask(shown: Radiograph) -> None:
    taken = []
    may_end = threading.Event()

    def measure(radiograph: Radiograph) -> int:
        taken.append(radiograph.sop_instance_uid)
        assert may_end.wait(30)
        return radiograph.rows

    said: list[int] = []
    asking = [threading.Thread(target=lambda: said.append(shown.once(measure))) for _ in range(3)]
    for each in asking:
        each.start()
    may_end.set()
    for each in asking:
        each.join()
    assert (said, taken) == ([300] * 3, ["1"])


def test_it_is_what_the_measure_says(shown: Radiograph) -> None:
    assert shown.once(image_quality) == image_quality(replace(shown))
    np.testing.assert_array_equal(shown.once(exposed_part), exposed_part(replace(shown)))


def test_an_image_with_other_pixels_is_measured_by_itself(shown: Radiograph) -> None:
    before = shown.once(image_quality)
    darker = replace(shown, pixels=shown.pixels / 2)
    assert darker.once(image_quality).exposure == pytest.approx(before.exposure / 2, rel=1e-5)


def test_what_cannot_be_measured_is_tried_again(shown: Radiograph) -> None:
    tries = []

    def measure(radiograph: Radiograph) -> str:
        tries.append(radiograph)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "measured"

    with pytest.raises(ValueError, match="not yet"):
        shown.once(measure)
    assert shown.once(measure) == "measured"
