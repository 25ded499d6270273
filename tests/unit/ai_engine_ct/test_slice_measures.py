"""A network's masks beside the simplest ones: what is dense within the lungs."""

from dataclasses import replace

import numpy as np
import pytest

from ai_engine.ct.slice_batches import MaskedSlices
from ai_engine.ct.slice_measures import (
    ABOVE,
    DENSE,
    BesideDense,
    dense_levels,
    measured,
    study_metrics,
)

LUNGS = np.s_[:, 2:14, 2:14]
LESION = np.s_[:, 4:8, 4:8]


def study(name: str, *, source: str = "outlined", ill: bool = True) -> MaskedSlices:
    """Lungs at 0.1 with a lesion at 0.5 and a vessel at 0.7, in tissue at 0.75."""
    images = np.full((1, 16, 16), 0.75, np.float16)
    masks, lungs = np.zeros((2, 1, 16, 16), np.uint8)
    images[LUNGS], lungs[LUNGS] = 0.1, 1
    images[:, 10:12, 10:12] = 0.7
    if ill:
        images[LESION], masks[LESION] = 0.5, 1
    return MaskedSlices(study=name, images=images, masks=masks, lungs=lungs, source=source)


def test_what_is_dense_is_chosen_on_the_training_part() -> None:
    (level,) = dense_levels([study("a")]).values()
    assert 0.1 < level <= 0.5
    found = measured(study("b"), study("b").masks > 0, {"outlined": level})
    assert found.dice == 1.0
    assert found.beside == BesideDense(
        false_share=0.0,
        dense_false_share=pytest.approx(4 / 144),
        dense_dice=pytest.approx(2 * 16 / (16 + 20)),
    )


def test_what_lies_beyond_the_lungs_is_not_served_and_does_not_count() -> None:
    one = study("a")
    made = np.ones(one.masks.shape, bool)
    assert measured(one, made, {"outlined": 0.3}).dice == pytest.approx(2 * 16 / (16 + 144))
    assert measured(replace(one, lungs=None), made, {"outlined": 0.3}).dice == pytest.approx(
        2 * 16 / (16 + 256)
    )


def test_sources_are_measured_apart_and_studies_without_lesions_have_no_dice() -> None:
    levels = {"outlined": 0.3, "drawn": 0.3}
    studies = [
        measured(study("a"), study("a").masks > 0, levels),
        measured(study("b", source="drawn"), study("b").masks == 9, levels),
        measured(study("c", source="drawn", ill=False), study("c").masks == 1, levels),
    ]
    found = {(one.name, one.group): one for one in study_metrics(studies, label="x", split="test")}
    assert found["dice", "all"].value == 0.5
    assert found["dice", "outlined"].value == 1.0
    assert found["dice", "drawn"].value == 0.0
    assert found["dice", "drawn"].images == 1
    assert found["dice", f"drawn, {DENSE}"].value == pytest.approx(2 * 16 / 36, abs=1e-4)
    assert found["dice", f"outlined, {ABOVE}"].value == pytest.approx(1 - 2 * 16 / 36, abs=1e-4)
    # Nothing was drawn into the third, and 16 pixels were called a lesion in it.
    assert found["false_share", "drawn"].value == pytest.approx(16 / 144 / 2, abs=1e-4)


def test_a_set_without_lungs_has_the_usual_figures_alone() -> None:
    plain = replace(study("a", source=""), lungs=None)
    assert dense_levels([plain]) == {}
    metrics = study_metrics([measured(plain, plain.masks > 0, {})], label="x", split="test")
    assert [(one.name, one.group, one.value) for one in metrics] == [
        ("dice", "all", 1.0),
        ("iou", "all", 1.0),
    ]
