"""Hit rate, overlap and average precision of boxes, against figures made by hand."""

import numpy as np
import pytest

from ai_engine.kinds.detector.metrics import (
    BoxedImage,
    average_precision,
    best_box_threshold,
    bootstrap,
    clear_share,
    hits,
    measures,
    precision_gain,
)
from ai_engine.measures.metrics import wilson
from ai_engine.prediction import FoundBox, Region


def region(left: float, top: float = 0, side: float = 10) -> Region:
    return Region(left=left, top=top, right=left + side, bottom=top + side)


def image(
    *found: tuple[float, float], truth: tuple[float, ...] = (), patient: str = "p"
) -> BoxedImage:
    return BoxedImage(
        patient=patient,
        found=tuple(FoundBox(region=region(left), probability=score) for left, score in found),
        truth=tuple(region(left) for left in truth),
    )


IMAGES = (
    image((0, 0.9), (50, 0.8), truth=(0,), patient="a"),
    image((2, 0.7), truth=(0, 100), patient="b"),
    image((30, 0.2), patient="c"),
)


def test_a_true_box_is_hit_once() -> None:
    assert hits(image((0, 0.9), (1, 0.8), truth=(0,)), 0.5).tolist() == [True, False]
    assert hits(image((6, 0.9), truth=(0,)), 0.5).tolist() == [False]
    assert hits(image(), 0.5).tolist() == []


def test_average_precision_is_the_area_under_the_monotonous_curve() -> None:
    # By score: hit, miss, hit, miss of three true boxes: precision 1 at 1/3, 2/3 at 2/3.
    assert average_precision(IMAGES) == pytest.approx((1 + 2 / 3) / 3)
    assert average_precision(IMAGES, 0.7) == pytest.approx(1 / 3)
    assert average_precision((image((0, 0.9)),)) == 0


def test_boxes_of_one_score_come_at_once_in_whichever_order_images_are_named() -> None:
    """A rule that gives all its boxes one score ranks none above another."""
    alike = (
        image((0, 0.5), truth=(0,), patient="a"),
        image((0, 0.5), truth=(0,), patient="b"),
        image((0, 0.5), patient="c"),
        image((0, 0.5), patient="d"),
    )
    for order in (alike, alike[::-1]):
        assert average_precision(order) == pytest.approx(0.5)
        assert best_box_threshold(order) == 0.5


def test_a_gain_over_what_ranks_nothing_lies_within_its_interval() -> None:
    """Drawn again, images come in another order: no figure may hang on it."""
    usual = [image((0, 0.5), truth=(0,) if at < 20 else (), patient=str(at)) for at in range(40)]
    interval = bootstrap(average_precision, usual)
    assert interval.value == pytest.approx(0.5)
    assert interval.low < 0.45
    assert interval.high > 0.55
    nothing = precision_gain(usual, usual)
    assert nothing is not None
    assert (nothing.low, nothing.value, nothing.high) == (0, 0, 0)


def test_the_share_of_clear_images_counts_patients_and_is_never_certain() -> None:
    right = [image(patient=str(at)) for at in range(10)]
    interval = clear_share(right, 0.5)
    assert interval is not None
    assert interval.value == 1
    assert interval.low == pytest.approx(wilson(10, 10).low)
    # Ten images of one patient say as much as one.
    same = clear_share([image(patient="a") for _ in range(10)], 0.5)
    assert same is not None
    assert same.low == pytest.approx(wilson(1, 1).low)
    assert clear_share([image(truth=(0,))], 0.5) is None


def test_decisions_are_made_at_the_threshold() -> None:
    measured = {name: measure(IMAGES) for name, measure in measures(0.5).items()}
    assert measured["box_hit_rate"] == pytest.approx(2 / 3)
    assert measured["false_boxes_per_image"] == pytest.approx(1 / 3)
    assert measured["mean_iou"] == pytest.approx((1 + 80 / 120 + 0) / 3)
    # The challenge counts an image with boxes by hits over all boxes; the third has none left.
    shares = [(1 / 2 + (1 / 2 if one <= 80 / 120 else 0)) / 2 for one in np.arange(0.4, 0.76, 0.05)]
    assert measured["rsna_score"] == pytest.approx(np.mean(shares), abs=1e-6)


def test_the_threshold_with_the_best_f1_lies_between_two_scores() -> None:
    assert best_box_threshold(IMAGES) == pytest.approx((0.7 + 0.2) / 2)
    with pytest.raises(ValueError, match="at least one box"):
        best_box_threshold((image((0, 0.9)),))


def test_an_interval_holds_its_value() -> None:
    interval = bootstrap(average_precision, IMAGES)
    assert interval.low <= interval.value <= interval.high
