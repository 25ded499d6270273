"""The lungs are outlined once, beside other work, whoever asks first."""

import threading
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from ai_engine.errors import AiEngineError
from ai_engine.kinds.lungs.segmenter import LungOutline, LungSegmenter
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Region
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.models.lungs import LungOutlines

IMAGE = Radiograph(
    sop_instance_uid="1.2",
    pixels=np.zeros((8, 8), dtype=np.float32),
    content=Region(left=0, top=0, right=8, bottom=8),
)


class Outliner:
    """A segmenter that waits until it may go on, and counts how often it was asked."""

    def __init__(self, card: ModelCard) -> None:
        self.card = card
        self.asked = 0
        self.may_end = threading.Event()
        self.error: AiEngineError | None = None

    def outline(self, radiograph: Radiograph) -> LungOutline:
        self.asked += 1
        assert self.may_end.wait(30)
        if self.error is not None:
            raise self.error
        return LungOutline(
            model=self.card.identity,
            probabilities=np.ones((8, 8), dtype=np.float32),
            region=radiograph.content,
            shape=(radiograph.rows, radiograph.columns),
            threshold=0.5,
        )


@pytest.fixture
def outliner(tmp_path: Path) -> Outliner:
    return Outliner(chest_card(tmp_path))


def outlines_of(outliner: Outliner) -> LungOutlines:
    return LungOutlines(lambda: cast("LungSegmenter", outliner))


def test_what_was_begun_beside_other_work_is_what_is_asked_for_later(outliner: Outliner) -> None:
    outlines = outlines_of(outliner)
    begun = outlines.begin("a", IMAGE)
    assert begun is not None
    assert not begun.done(), "whoever begins it does not wait for it"
    outliner.may_end.set()

    asked = outlines.of("a", IMAGE)

    assert asked is begun.result()
    assert outlines.of("a", IMAGE) is asked
    assert outliner.asked == 1
    outlines.of("b", IMAGE)
    assert outliner.asked == 2


def test_a_failure_is_raised_where_it_is_asked_for_and_tried_again(outliner: Outliner) -> None:
    outliner.error = AiEngineError("no lungs")
    outliner.may_end.set()
    outlines = outlines_of(outliner)
    outlines.begin("a", IMAGE)
    with pytest.raises(AiEngineError, match="no lungs"):
        outlines.of("a", IMAGE)

    outliner.error = None
    assert outlines.of("a", IMAGE) is not None


def test_without_a_lung_model_nothing_is_outlined() -> None:
    outlines = LungOutlines(lambda: None)
    assert outlines.begin("a", IMAGE) is None
    assert outlines.of("a", IMAGE) is None
