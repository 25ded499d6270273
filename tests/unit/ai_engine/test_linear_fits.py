"""Heads fitted rather than trained: every source counts alike, and thresholds serve all of them."""

import numpy as np
import pytest

from ai_engine.datasets.cxr import CxrItem, Split, View
from ai_engine.errors import DatasetError
from ai_engine.kinds.classifier.linear_fits import balance, best_fit, drawn_fit, lungs_fit
from ai_engine.measures.metrics import best_f1_threshold
from ai_engine.measures.operating import balanced_threshold
from ai_engine.measures.scored import ScoredSplit

pytestmark = pytest.mark.slow


def test_every_source_and_either_answer_counts_alike() -> None:
    """Whatever their numbers."""
    truth = np.array([True] * 6 + [False] * 2 + [True, False])
    sources = ["large"] * 8 + ["small"] * 2
    weights = balance(truth, sources)
    assert weights.sum() == pytest.approx(10)
    for cell in (slice(0, 6), slice(6, 8), slice(8, 9), slice(9, 10)):
        assert weights[cell].sum() == pytest.approx(2.5)


def test_a_fit_finds_the_feature_that_tells_on_all_sources() -> None:
    """And leaves the one that tells on the large source alone behind it."""
    chance = np.random.default_rng(0)
    truth = chance.random(400) < 0.5
    sources = np.where(np.arange(400) < 300, "large", "small")
    features = chance.normal(size=(400, 5)).astype(np.float32)
    features[:, 0] += 1.5 * truth
    features[:, 1] += np.where(sources == "large", 1.5, -1.5) * truth
    patients = [str(number) for number in range(400)]
    fit = best_fit(features, truth, balance(truth, list(sources)), patients, list(sources))
    kernel = np.abs(fit.kernel[:, 0])
    assert kernel.argmax() == 0
    assert kernel[1] < kernel[0] / 3


def test_lungs_are_found_cell_by_cell() -> None:
    """A kernel for cells as they are, without the standardising of the fit."""
    chance = np.random.default_rng(0)
    places = chance.normal(5, 3, size=(600, 4)).astype(np.float32)
    lungs = (places[:, 2] > 5).astype(np.float32)
    fit = lungs_fit(places, lungs)
    found = places @ fit.kernel[:, 0] + fit.bias[0] > 0
    assert (found == (lungs > 0.5)).mean() > 0.95


def test_a_lung_model_that_finds_nothing_teaches_nothing() -> None:
    """A sentence, not a failure of the solver."""
    with pytest.raises(DatasetError, match="outlines no lungs"):
        lungs_fit(np.ones((4, 2), dtype=np.float32), np.zeros(4, dtype=np.float32))


def test_a_head_stays_near_the_one_that_it_starts_from_as_far_as_it_is_drawn_to_it() -> None:
    """Strongly drawn it moves its bias alone; hardly drawn it learns what tells."""
    chance = np.random.default_rng(0)
    truth = chance.random(400) < 0.5
    features = chance.normal(size=(400, 3)).astype(np.float32)
    features[:, 0] += 2 * truth
    start = np.array([0, 1, 0], dtype=np.float32)
    held = drawn_fit(features, truth, start=(start, 3.0), strength=1e3)
    np.testing.assert_allclose(held.kernel[:, 0], start, atol=1e-2)
    assert abs(float(held.bias[0])) < 1
    free = drawn_fit(features, truth, start=(start, 3.0), strength=1e-3)
    assert np.abs(free.kernel[:, 0]).argmax() == 0
    assert free.loss < held.loss / 1.5


def item(number: int, source: str, view: View, *, abnormal: bool) -> CxrItem:
    """One image of a source."""
    return CxrItem(
        file=f"{number}.png", patient_id=str(number), age=50, sex="F", view=view,
        split=Split.VALID, labels=frozenset({"Abnormal"} if abnormal else ()), device=source,
    )  # fmt: skip


def drawn(source: str, count: int, ill: float, higher: float) -> ScoredSplit:
    """Images of a source, a part of them ill, whose scores overlap with those of the healthy."""
    chance = np.random.default_rng(count)
    truth = chance.random(count) < ill
    scores = chance.normal(0.4, 0.12, count) + np.where(truth, higher, 0)
    return ScoredSplit(
        items=tuple(item(at, source, View.PA, abnormal=bool(truth[at])) for at in range(count)),
        labels=("Abnormal",),
        probabilities=scores[:, None],
    )


def joined(*parts: ScoredSplit) -> ScoredSplit:
    """Several sources together."""
    return ScoredSplit(
        items=tuple(one for part in parts for one in part.items),
        labels=("Abnormal",),
        probabilities=np.concatenate([part.probabilities for part in parts]),
    )


def specificity(scored: ScoredSplit, threshold: float) -> float:
    """The part of the healthy that is not called ill."""
    healthy = scored.scores("Abnormal")[~scored.truth("Abnormal")]
    return float((healthy < threshold).mean())


def test_a_collection_full_of_disease_does_not_make_everybody_ill() -> None:
    """F1 does, where nine of ten are ill; sensitivity and specificity together don't."""
    scored = drawn("enriched", 600, ill=0.9, higher=0.15)
    truth, scores = scored.truth("Abnormal"), scored.scores("Abnormal")
    assert specificity(scored, best_f1_threshold(truth, scores)) < 0.3
    assert specificity(scored, balanced_threshold(scored, "Abnormal")) > 0.6


def test_a_threshold_does_not_follow_the_larger_source() -> None:
    """Ten times as many images of one source move nothing."""
    small, large = (drawn("small", 80, 0.5, 0.3), drawn("large", 90, 0.5, 0.1))
    once = balanced_threshold(joined(small, large), "Abnormal")
    often = balanced_threshold(joined(small, *[large] * 10), "Abnormal")
    assert once == often


def test_without_healthy_images_there_is_no_threshold() -> None:
    """A sentence, not a number out of nothing."""
    with pytest.raises(ValueError, match="Abnormal: a threshold needs images with and without"):
        balanced_threshold(drawn("ill", 30, 1.0, 0.1), "Abnormal")
