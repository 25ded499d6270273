"""The predictor puts guard, network, thresholds and heat maps together."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.calibration.probability import LogisticMap, Method
from ai_engine.errors import ImageRefusedError, ModelFolderError
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.deciding import Calibration
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.guard.veto import LastView, Veto
from ai_engine.kinds.guarding import OVERRULING, Seen, TagsHint
from ai_engine.kinds.testing import (
    FakeChestBackend,
    FakeGuardBackend,
    chest_card,
    fake_predictor,
    guard_card,
)
from ai_engine.library.card import Label, ModelCard, read_card, write_card
from ai_engine.prediction import Refusal, RefusalReason, Region, RemarkKind
from ai_engine.preprocessing.radiograph import Radiograph
from sr_templates.heat_map import placed


def radiograph(uid: str = "1.2.3", rows: int = 480, columns: int = 480) -> Radiograph:
    pixels = np.random.default_rng(1).random((rows, columns), dtype=np.float32)
    content = Region(left=0, top=0, right=columns, bottom=rows)
    return Radiograph(sop_instance_uid=uid, pixels=pixels, content=content)


def test_a_finding_carries_code_probability_threshold_and_map() -> None:
    prediction = fake_predictor(probability=0.8, cell=(6, 3)).predict([radiograph()])
    assert prediction.is_positive
    assert prediction.calibration == "model default"
    (finding,) = prediction.images[0].positive
    assert finding.code.value == "233604007"
    assert finding.site is not None
    assert finding.probability == pytest.approx(0.8)
    assert finding.threshold == 0.5
    assert finding.heat_map is not None
    # The mirror image's map is turned back before it is averaged in: one peak, not two.
    assert finding.heat_map.values.shape == (12, 12)
    assert finding.heat_map.values[6, 3] == 1
    assert np.count_nonzero(finding.heat_map.values) == 1


def test_the_map_covers_the_padded_square_of_a_tall_image() -> None:
    prediction = fake_predictor().predict([radiograph(rows=600, columns=300)])
    shown = prediction.images[0].findings[0].heat_map
    assert shown is not None
    assert shown.region == Region(left=-150, top=0, right=450, bottom=600)


class SeesBrightness:
    """A network whose map is each cell's mean brightness, as a perfect one would see a spot."""

    def predict(self, batch: FloatArray) -> Activation:
        """Twelve cells along each side; nothing below the mean is seen."""
        images, size = len(batch), batch.shape[1] // 12
        cells = batch.reshape(images, 12, size, 12, size).clip(0).mean(axis=(2, 4))
        return Activation(
            probabilities=np.ones((images, 1), dtype=np.float32), features=cells[..., None]
        )


@pytest.mark.parametrize("place", [(180.0, 120.0), (300.0, 411.0), (233.0, 350.0)])
def test_a_spot_is_shown_where_it_lies(place: tuple[float, float]) -> None:
    """Crop, padding, mirror image and finer grid move nothing by more than a twelfth of a cell."""
    rows, columns, content = 600, 520, Region(left=40, top=20, right=500, bottom=560)
    x, y = np.arange(columns) + 0.5, np.arange(rows) + 0.5
    spread = 30.0
    spot = np.exp(-((x - place[0]) ** 2 + (y[:, None] - place[1]) ** 2) / (2 * spread**2))
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend())
    card = dataclasses.replace(chest_card(Path()), flip_averaging=True)
    predictor = ChestRadiographPredictor(
        card, SeesBrightness(), head=np.ones((1, 1), dtype=np.float32), guard=guard
    )
    shown = Radiograph(sop_instance_uid="1", pixels=spot.astype(np.float32), content=content)
    (seen,) = predictor.heat_maps(shown)
    dense = placed(seen, (rows, columns), rows=rows, columns=columns)
    weights = np.where(dense > 0.4, dense, 0)
    cell = (seen.region.right - seen.region.left) / 12
    middle = (weights.sum(axis=0) @ x, weights.sum(axis=1) @ y)
    assert np.array(middle) / weights.sum() == pytest.approx(np.array(place), abs=cell / 12)


def test_a_devices_calibration_maps_probabilities_and_overrides_the_threshold() -> None:
    halved = LogisticMap(slope=0.5, method=Method.TEMPERATURE)
    point = OperatingPoint(score_threshold=0.95, probability_map=halved)
    calibration = Calibration(name="room 3", points={"Pneumonia": point})
    prediction = fake_predictor(probability=0.9).predict(
        [radiograph()], calibrations={"1.2.3": calibration}
    )
    assert not prediction.is_positive
    assert prediction.calibration == "room 3"
    finding = prediction.images[0].findings[0]
    assert finding.own_probability == pytest.approx(0.9)
    assert finding.probability == pytest.approx(0.75)
    assert finding.threshold == pytest.approx(1 / (1 + (0.05 / 0.95) ** 0.5))


def test_a_result_that_other_cases_would_have_decided_otherwise_is_called_uncertain() -> None:
    halved = LogisticMap(slope=0.5, method=Method.TEMPERATURE)
    point = OperatingPoint(score_threshold=0.85, probability_map=halved, uncertain=(0.7, 0.92))
    calibration = Calibration(name="room 3", points={"Pneumonia": point})
    near, certain = (
        fake_predictor(probability=score).predict(
            [radiograph()], calibrations={"1.2.3": calibration}
        )
        for score in (0.9, 0.95)
    )
    (remark,) = (each for each in near.remarks if each.kind is RemarkKind.UNCERTAIN)
    assert remark.sop_instance_uid == "1.2.3"
    assert remark.detail == (
        "Pneumonia: between 60 % and 77 % the result is uncertain, and this one is 75 %."
    )
    assert near.is_positive
    assert RemarkKind.UNCERTAIN not in {each.kind for each in certain.remarks}


def test_a_cards_own_band_holds_where_no_device_is_calibrated(tmp_path: Path) -> None:
    card = chest_card(tmp_path)
    label = dataclasses.replace(card.labels[0], uncertain=(0.4, 0.65))
    write_card(dataclasses.replace(card, labels=(label,)))
    read = read_card(tmp_path)
    assert read.labels == (label,)
    assert Calibration().point(read.labels[0]).band == (0.4, 0.65)
    outside = dataclasses.replace(label, uncertain=(0.6, 0.65))
    write_card(dataclasses.replace(card, labels=(outside,)))
    with pytest.raises(ModelFolderError, match="outside of what is uncertain"):
        read_card(tmp_path)


def test_images_of_two_devices_are_decided_by_their_own_calibrations() -> None:
    strict = Calibration(name="room 3", points={"Pneumonia": OperatingPoint(score_threshold=0.95)})
    prediction = fake_predictor(probability=0.9).predict(
        [radiograph("1"), radiograph("2")], calibrations={"2": strict}
    )
    assert [bool(image.positive) for image in prediction.images] == [True, False]
    assert prediction.calibration == "model default; room 3"


def test_a_calibration_leaves_other_labels_as_they_are() -> None:
    calibration = Calibration(name="room 3", points={"Effusion": OperatingPoint(score_threshold=1)})
    prediction = fake_predictor(probability=0.9).predict(
        [radiograph()], calibrations={"1.2.3": calibration}
    )
    finding = prediction.images[0].findings[0]
    assert finding.threshold == 0.5
    assert finding.probability == pytest.approx(0.9)


def test_what_the_guard_refuses_is_reported_beside_earlier_refusals() -> None:
    earlier = Refusal(sop_instance_uid="1", reason=RefusalReason.NO_PIXELS, detail="none")
    predictor = fake_predictor(appearance=Appearance.INVERTED)
    prediction = predictor.predict([radiograph("2")], refusals=[earlier])
    assert prediction.images == ()
    assert [refusal.sop_instance_uid for refusal in prediction.refusals] == ["1", "2"]
    assert prediction.refusals[1].reason is RefusalReason.NOT_FRONTAL_CHEST
    assert "inverted" in prediction.refusals[1].detail


def test_one_refused_image_doesnt_keep_the_others_from_analysis() -> None:
    hints = {"2": TagsHint(modality="CT"), "3": TagsHint(is_lateral=True)}
    shown = [radiograph("1"), radiograph("2"), radiograph("3")]
    prediction = fake_predictor().predict(shown, hints=hints)
    assert [image.sop_instance_uid for image in prediction.images] == ["1"]
    assert [refusal.sop_instance_uid for refusal in prediction.refusals] == ["2", "3"]


class _Certain:
    """A classifier that is certain of one class."""

    def __init__(self, seen: int) -> None:
        self.seen = seen

    def predict(self, batch: np.ndarray) -> Activation:
        rows = np.zeros((len(batch), 2), dtype=np.float32)
        rows[:, self.seen] = 1
        return Activation(probabilities=rows, features=np.zeros((len(batch), 1, 1, 1), np.float32))


def types_card() -> ModelCard:
    labels = tuple(Label(name=name, title=name, threshold=0.5) for name in ("Hand", "Chest"))
    return dataclasses.replace(guard_card(Path()), title="Types", input_size=32, labels=labels)


def test_a_trained_module_of_paper_2_has_a_veto_and_says_what_it_sees() -> None:
    def guarded(seen: int) -> ChestGuard:
        veto = Veto(types_card(), _Certain(seen), expected="Chest")
        return ChestGuard(guard_card(Path()), FakeGuardBackend(), [veto])

    guarded(1).check(radiograph())
    with pytest.raises(ImageRefusedError, match=r"looks like: X-ray of the hand \(Types\)"):
        guarded(0).check(radiograph())
    assert guarded(0).seen(radiograph()) == Seen(words="X-ray of the hand", body_part="HAND")


@pytest.mark.parametrize("appearance", [Appearance.HALF_TURN, Appearance.INVERTED])
def test_a_chest_that_is_turned_or_inverted_stays_one(appearance: Appearance) -> None:
    """Modules that have seen none take some for spines: routes and reports would call them so."""
    veto = Veto(types_card(), _Certain(0), expected="Chest")
    card = guard_card(Path(), threshold=0.5)
    guard = ChestGuard(card, FakeGuardBackend(appearance), [veto])
    with pytest.raises(ImageRefusedError, match=f"looks like: {appearance}"):
        guard.check(radiograph())
    assert guard.seen(radiograph()) is None


def test_a_module_that_is_not_certain_has_no_veto() -> None:
    """Paper 2's modules only refuse, and only what they are certain of."""
    sure = tuple(dataclasses.replace(one, threshold=1.5) for one in types_card().labels)
    veto = Veto(dataclasses.replace(types_card(), labels=sure), _Certain(0), expected="Chest")
    guard = ChestGuard(guard_card(Path()), FakeGuardBackend(), [veto])
    guard.check(radiograph())
    assert guard.seen(radiograph()) is None


def test_modules_that_see_the_same_share_a_view_of_each_image() -> None:
    views = LastView(types_card())
    first, second = radiograph(), radiograph()
    assert views.batch(first) is views.batch(first)
    assert views.batch(second) is not views.batch(first)
    certain = _Certain(1)
    alone = Veto(types_card(), certain, expected="Chest")
    shared = Veto(types_card(), certain, expected="Chest", views=views)
    assert shared.seen(first) == alone.seen(first)


def test_what_the_guard_refuses_is_named_by_the_module_that_is_certain() -> None:
    veto = Veto(types_card(), _Certain(0), expected="Chest")
    guard = ChestGuard(guard_card(Path()), FakeGuardBackend(Appearance.OTHER), [veto])
    with pytest.raises(ImageRefusedError, match="looks like: X-ray of the hand"):
        guard.check(radiograph())


def test_a_module_that_cannot_see_what_it_must_is_refused() -> None:
    with pytest.raises(ModelFolderError, match="no label 'X-ray' among Hand, Chest"):
        Veto(types_card(), _Certain(0), expected="X-ray")


def test_overruling_tags_needs_more_certainty_than_passing() -> None:
    class Doubtful(FakeGuardBackend):
        def predict(self, batch: np.ndarray) -> Activation:
            sure = super().predict(batch)
            return dataclasses.replace(sure, probabilities=sure.probabilities * np.float32(0.8))

    guard = ChestGuard(guard_card(Path(), threshold=0.6), Doubtful())
    guard.check(radiograph())
    with pytest.raises(ImageRefusedError):
        guard.check(radiograph(), least=OVERRULING)


@pytest.mark.slow
def test_many_threads_get_their_own_answers() -> None:
    predictor = fake_predictor()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda n: predictor.predict([radiograph(str(n))]), range(24)))
    assert [one.images[0].sop_instance_uid for one in found] == [str(n) for n in range(24)]


def test_labels_without_a_code_are_refused_at_the_start() -> None:
    nameless = (Label(name="x", title="x", threshold=0.5),)
    card = dataclasses.replace(chest_card(Path("models")), labels=nameless)
    guard = ChestGuard(guard_card(Path()), FakeGuardBackend())
    with pytest.raises(ModelFolderError, match="'x' has no code"):
        ChestRadiographPredictor(card, FakeChestBackend(), head=np.ones((1, 1)), guard=guard)


class TurningBackend:
    """Sees a quarter turn in the image and, rightly, the opposite one in its mirror image."""

    def predict(self, batch: np.ndarray) -> Activation:
        rows = [[0, 0.9, 0, 0, 0, 0.1], [0, 0, 0, 0.9, 0, 0.1]]
        return Activation(
            probabilities=np.array(rows, np.float32), features=np.zeros((2, 1, 1, 1), np.float32)
        )


def test_the_guard_knows_that_mirroring_reverses_quarter_turns() -> None:
    guard = ChestGuard(guard_card(Path(), threshold=0.5), TurningBackend())
    assert guard.appearances(radiograph())[Appearance.QUARTER_TURN] == pytest.approx(0.9)
    with pytest.raises(ImageRefusedError, match="90 degrees"):
        guard.check(radiograph())
