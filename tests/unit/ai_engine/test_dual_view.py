"""Frontal and lateral images are paired, judged together, and said to be; or not, and why."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Activation
from ai_engine.inference.input_channels import described
from ai_engine.inference.network import Tensors
from ai_engine.kinds.dual_view.predictor import DualViewPredictor
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.guarding import TagsHint
from ai_engine.kinds.testing import chest_card, guard_card, told_apart
from ai_engine.library.card import ModelCard
from ai_engine.library.labels import reported_label
from ai_engine.prediction import Refusal, RefusalReason, RemarkKind
from ai_engine.preprocessing.radiograph import Radiograph
from tests.unit.ai_engine.test_chest_predictor import radiograph
from tests.unit.ai_engine.test_input_channels import Left

SIZE, CELLS = 64, 4
LATERAL = TagsHint(is_lateral=True)


class FakeDualBranch:
    """Says 0.9 with a lateral image and 0.2 without; its maps are hot in another corner each."""

    inputs = ("frontal", "lateral", "lateral_present")
    outputs = ("joined", "frontal_map", "lateral_map", "frontal_own", "lateral_own")

    def __init__(self) -> None:
        self.asked: list[Tensors] = []

    def run(self, inputs: Tensors) -> Tensors:
        """Answer one pair."""
        self.asked.append(inputs)
        present = float(inputs["lateral_present"][0, 0])
        maps = np.zeros((2, 1, CELLS, CELLS, 1), np.float32)
        maps[0, 0, 0, 0], maps[1, 0, 3, 3] = 1, present
        said = np.array([[0.9 if present else 0.2, 0.4]], np.float32)
        return {
            "joined": said,
            "frontal_map": maps[0],
            "lateral_map": maps[1],
            "frontal_own": said * 0,
            "lateral_own": said * 0,
        }


class BrightIsFrontal:
    """A guard's network that takes images with a bright corner for frontal chests."""

    def predict(self, batch: np.ndarray) -> Activation:
        """Look at the brightest value."""
        is_frontal = bool(batch.max() > 4.5)
        row = [float(is_frontal), 0, 0, 0, 0, float(not is_frontal)]
        return Activation(
            probabilities=np.array([row] * len(batch), np.float32),
            features=np.zeros((len(batch), 1, 1, 1), np.float32),
        )


def card() -> ModelCard:
    labels = tuple(
        reported_label(name, threshold=0.5) for name in ("Pleural Effusion", "Lung Opacity")
    )
    return dataclasses.replace(
        chest_card(Path()),
        kind="dual-view",
        input_size=SIZE,
        labels=labels,
        metrics=tuple(told_apart(label.name) for label in labels),
    )


def predictor(network: FakeDualBranch) -> DualViewPredictor:
    heads = {branch: np.ones((1, 2), np.float32) for branch in ("frontal", "lateral")}
    guard = ChestGuard(guard_card(Path(), threshold=0.5), BrightIsFrontal())
    return DualViewPredictor(card(), network, heads=heads, guard=guard)


def frontal(uid: str) -> Radiograph:
    image = radiograph(uid)
    pixels = image.pixels.copy()
    pixels[40:80, 40:80] = 12
    return dataclasses.replace(image, pixels=pixels)


def hinted(*uids: str) -> Mapping[str, TagsHint]:
    return dict.fromkeys(uids, LATERAL)


def test_a_frontal_image_is_judged_with_the_lateral_one_and_both_are_shown() -> None:
    network = FakeDualBranch()
    found = predictor(network).predict([frontal("1"), radiograph("2")], hints=hinted("2"))
    (asked,) = network.asked
    assert asked["frontal"].shape == asked["lateral"].shape == (1, SIZE, SIZE, 1)
    assert asked["lateral"].any()
    assert [image.sop_instance_uid for image in found.images] == ["1", "2"]
    for image, peak in zip(found.images, ((0, 0), (3, 3)), strict=True):
        effusion = image.findings[0]
        assert (effusion.label, effusion.is_positive) == ("Pleural Effusion", True)
        assert effusion.probability == pytest.approx(0.9)
        assert effusion.heat_map is not None
        assert effusion.heat_map.values[peak] == 1
        assert np.count_nonzero(effusion.heat_map.values) == 1
    (remark,) = found.remarks
    assert (remark.kind, remark.sop_instance_uid) == (RemarkKind.LATERAL_USED, "1")
    assert "2" in remark.detail
    assert found.refusals == ()


def test_without_a_lateral_image_the_frontal_one_is_judged_alone_and_it_is_said() -> None:
    network = FakeDualBranch()
    found = predictor(network).predict([frontal("1")])
    (asked,) = network.asked
    assert not asked["lateral"].any()
    assert float(asked["lateral_present"][0, 0]) == 0
    assert found.images[0].findings[0].probability == pytest.approx(0.2)
    (remark,) = found.remarks
    assert remark.kind is RemarkKind.LATERAL_MISSING
    assert "no lateral image" in remark.detail


def test_a_lateral_image_alone_is_refused_and_so_is_a_second_one() -> None:
    alone = predictor(FakeDualBranch()).predict([radiograph("2")], hints=hinted("2"))
    assert alone.images == ()
    assert [refusal.reason for refusal in alone.refusals] == [RefusalReason.UNPAIRED]
    shown = [frontal("1"), radiograph("2"), radiograph("3")]
    two = predictor(FakeDualBranch()).predict(shown, hints=hinted("2", "3"))
    assert [(each.sop_instance_uid, each.reason) for each in two.refusals] == [
        ("3", RefusalReason.UNPAIRED)
    ]


def test_a_lateral_tag_on_a_frontal_image_is_not_believed() -> None:
    network = FakeDualBranch()
    found = predictor(network).predict([frontal("1"), frontal("2")], hints=hinted("2"))
    assert float(network.asked[0]["lateral_present"][0, 0]) == 0
    (refusal,) = found.refusals
    assert refusal.reason is RefusalReason.NOT_LATERAL_CHEST
    assert refusal.detail == f"looks like: {Appearance.FRONTAL.value}"
    assert [remark.kind for remark in found.remarks] == [RemarkKind.LATERAL_MISSING]


def test_two_frontal_images_share_the_lateral_one_which_is_shown_once() -> None:
    network = FakeDualBranch()
    shown = [frontal("1"), radiograph("2"), frontal("3")]
    found = predictor(network).predict(shown, hints=hinted("2"))
    assert [image.sop_instance_uid for image in found.images] == ["1", "2", "3"]
    assert all(float(asked["lateral_present"][0, 0]) == 1 for asked in network.asked)


def test_earlier_refusals_are_handed_on_and_other_pixels_are_refused() -> None:
    earlier = Refusal(sop_instance_uid="0", reason=RefusalReason.NO_PIXELS, detail="none")
    found = predictor(FakeDualBranch()).predict([radiograph("1")], refusals=[earlier])
    assert [refusal.sop_instance_uid for refusal in found.refusals] == ["0", "1"]
    assert found.refusals[1].reason is RefusalReason.NOT_FRONTAL_CHEST


def test_the_lungs_go_with_the_frontal_image_and_not_with_the_lateral_one() -> None:
    network, source = FakeDualBranch(), Left()
    heads = {branch: np.ones((1, 2), np.float32) for branch in ("frontal", "lateral")}
    guard = ChestGuard(guard_card(Path(), threshold=0.5), BrightIsFrontal())
    with_lungs = dataclasses.replace(card(), channels=(described(source),))
    dual = DualViewPredictor(with_lungs, network, heads=heads, guard=guard, channels=[source])
    found = dual.predict([frontal("1"), radiograph("2")], hints=hinted("2"))
    assert [each.kind for each in found.remarks] == [
        RemarkKind.LATERAL_USED,
        RemarkKind.CHANNELS_GIVEN,
    ]
    (asked,) = network.asked
    assert asked["frontal"].shape == (1, SIZE, SIZE, 2)
    assert asked["lateral"].shape == (1, SIZE, SIZE, 1)
    shown, lungs = asked["frontal"][0, ..., 0], asked["frontal"][0, ..., 1]
    np.testing.assert_array_equal(lungs[:, :32], shown[:, :32])
    assert not lungs[:, 32:].any()
    assert source.asked == 1


def test_a_network_of_another_kind_is_refused() -> None:
    class Single(FakeDualBranch):
        inputs = ("image",)

    with pytest.raises(ModelFolderError, match="a dual view takes frontal, lateral"):
        predictor(Single())
