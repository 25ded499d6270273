"""A network's masks beside the simplest ones: what is dense within the lungs."""

from dataclasses import replace

import numpy as np
import pytest

from ai_engine.ct.slice_batches import MaskedSlices
from ai_engine.ct.slice_measures import (
    ABOVE,
    DENSE,
    ONE_PATIENT,
    BesideDense,
    MeasuredStudy,
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
    # Where no density can be compared with, too.
    assert measured(one, made, {}).dice == pytest.approx(2 * 16 / (16 + 144))
    assert measured(one, made, {}).beside is None
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
    one = f", {ONE_PATIENT}"
    assert found["dice", f"outlined{one}"].value == 1.0
    assert found["dice", f"drawn{one}"].value == 0.0
    assert found["dice", f"drawn{one}"].images == 1
    assert found["dice", f"drawn, {DENSE}{one}"].value == pytest.approx(2 * 16 / 36, abs=1e-4)
    gain = found["dice", f"outlined, {ABOVE}{one}"].value
    assert gain == pytest.approx(1 - 2 * 16 / 36, abs=1e-4)
    # Nothing was drawn into the third, and 16 pixels were called a lesion in it.
    assert found["false_share", "drawn"].value == pytest.approx(16 / 144 / 2, abs=1e-4)


def test_a_set_without_lungs_has_the_usual_figures_alone() -> None:
    plain = replace(study("a", source=""), lungs=None)
    assert dense_levels([plain]) == {}
    metrics = study_metrics([measured(plain, plain.masks > 0, {})], label="x", split="test")
    assert [(one.name, one.group, one.value) for one in metrics] == [
        ("dice", f"all, {ONE_PATIENT}", 1.0),
        ("iou", f"all, {ONE_PATIENT}", 1.0),
    ]


def test_copies_of_one_patient_make_no_interval_narrower() -> None:
    """Ten drawn copies of each of two volumes are two patients, and not twenty."""

    def studies(copies: int) -> list[MeasuredStudy]:
        return [
            measured(
                replace(study(f"{patient}-{copy}"), patient=patient), study("a").masks == truth, {}
            )
            for patient, truth in (("a", 1), ("b", 9))
            for copy in range(copies)
        ]

    one, ten = (study_metrics(studies(many), label="x", split="test")[0] for many in (1, 10))
    assert (one.group, one.value) == ("all", 0.5)
    assert (ten.value, ten.low, ten.high) == (one.value, one.low, one.high)
