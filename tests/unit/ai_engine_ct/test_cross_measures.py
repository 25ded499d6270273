"""Cross-validated masks of outlined slices beside a threshold and a regression of grey values."""

import numpy as np
import pytest

from ai_engine.ct.cross_measures import FITTED, JudgedSlice, cross_metrics, judged_slice
from ai_engine.ct.grey_baseline import fit_grey_baseline
from ai_engine.ct.slice_batches import MaskedSlices
from ai_engine.ct.slice_measures import DENSE

SIZE = 32
LUNGS = np.s_[:, 4:28, 4:28]
LESION = np.s_[:, 8:20, 8:20]
VESSEL = np.s_[:, 24:26, 24:26]


def outlined(name: str, *, patient: str = "", seed: int = 0) -> MaskedSlices:
    """Lungs at 0.1 with a lesion at 0.4 and a vessel at 0.7, in noise."""
    images = np.full((1, SIZE, SIZE), 0.75)
    masks, lungs = np.zeros((2, 1, SIZE, SIZE), np.uint8)
    images[LUNGS], lungs[LUNGS] = 0.1, 1
    images[LESION], masks[LESION] = 0.4, 1
    images[VESSEL] = 0.7
    images += np.random.default_rng(seed).normal(0, 0.01, images.shape)
    return MaskedSlices(
        study=name,
        images=images.astype(np.float16),
        masks=masks,
        lungs=lungs,
        source="outlined",
        patient=patient,
    )


def test_a_regression_that_sees_around_a_pixel_tells_vessels_from_lesions() -> None:
    fitted = fit_grey_baseline([outlined(str(seed), seed=seed) for seed in range(3)])
    found = judged_slice(outlined("unseen", seed=9), np.zeros((1, SIZE, SIZE), bool), level=0.3,
                         fitted=fitted)  # fmt: skip
    assert found.dense.dice == pytest.approx(2 * 144 / (144 + 148))
    assert found.dense.false_share == pytest.approx(4 / 576)
    assert found.fitted.dice > 0.9
    assert found.network.dice == 0.0


def test_masks_beyond_the_lungs_are_cut_off_as_when_they_are_served() -> None:
    fitted = fit_grey_baseline([outlined("known")])
    found = judged_slice(outlined("a"), np.ones((1, SIZE, SIZE), bool), level=0.3, fitted=fitted)
    assert found.network.false_share == pytest.approx((576 - 144) / 576)


def test_pairs_are_the_network_less_each_simple_way_with_intervals_over_patients() -> None:
    fitted = fit_grey_baseline([outlined("known")])
    slices = [
        judged_slice(
            one := outlined(name, patient=patient), one.masks > 0, level=0.3, fitted=fitted
        )
        for name, patient in (("a", "p"), ("b", "p"), ("c", "q"))
    ]
    found = {(one.name, one.group): one for one in cross_metrics(slices, label="x", split="cv")}
    assert found["dice", "outlined"].value == 1.0
    assert found["dice", "outlined"].images == 3
    dense = found["dice", f"outlined, {DENSE}"].value
    assert found["dice", f"outlined, above {DENSE}"].value == pytest.approx(1 - dense, abs=1e-4)
    other = found["dice", f"outlined, {FITTED}"].value
    assert found["dice", f"outlined, above {FITTED}"].value == pytest.approx(1 - other, abs=1e-4)
    assert len(slices[0].as_row().split(",")) == len(JudgedSlice.HEAD.split(","))
