"""The shipped models on real images: what must be analysed is, and nothing else is."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import ImageRefusedError
from ai_engine.inference.choice import BackendChoice
from ai_engine.inference.openvino_backend import Precision
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.guard.evaluation import MISTAKES
from ai_engine.kinds.guarding import OVERRULING, passes
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.locating import LungPlaces, located
from ai_engine.kinds.lungs.dataset import read_lungs
from ai_engine.kinds.lungs.evaluation import evaluate_lungs
from ai_engine.kinds.lungs.loading import load_segmenter
from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.kinds.shipped import LUNG_MODEL
from ai_engine.library.registry import ModelRegistry, read_active_versions, verify_weights
from ai_engine.measures.overlap import dice
from ai_engine.measures.shortcuts.cues import CUES
from ai_engine.measures.shortcuts.measuring import ALL_CUES
from ai_engine.measures.shortcuts.report import METRIC
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph, read_radiograph
from dicom_node.demo.synthetic import SAMPLE, StudyUids, make_radiograph
from dicom_node.demo.tour.studies import make_studies

ROOT = Path(__file__).parents[3]
CUE_NAMES = {*CUES, ALL_CUES}
CHESTS = (
    "canon-dx-chest-pa-monochrome1-j2k",
    "nih-cxr-as-secondary-capture",
    "philips-cr-chest-pa-monochrome1-j2k",
    "philips-cr-chest-pa-monochrome1-jpegls",
    "siim-cxr-pa-jpeg-baseline",
)
OTHERS = {
    "cr-hip-j2k": RefusalReason.NOT_FRONTAL_CHEST,
    "cr-tibia-rle": RefusalReason.NOT_FRONTAL_CHEST,
    "mammogram-as-rg-j2k": RefusalReason.NOT_FRONTAL_CHEST,
    "mr-j2k": RefusalReason.NOT_FRONTAL_CHEST,
    "siim-cxr-pa-relabelled-monochrome1": RefusalReason.NOT_FRONTAL_CHEST,
    "dx-dog-thorax": RefusalReason.TOO_SMALL,
    "us-j2k": RefusalReason.UNSUPPORTED_PHOTOMETRIC,
}


@pytest.fixture(scope="module")
def received(test_data: Path) -> Path:
    return test_data / "dicom" / "received"


@pytest.fixture(scope="module")
def test_radiographs(test_data: Path) -> list[Radiograph]:
    dataset = read_cxr(test_data / "cxr")
    return [as_radiograph(dataset, item) for item in dataset.part(Split.TEST)]


@pytest.fixture(scope="module")
def lung_segmenter(cache: Path) -> LungSegmenter:
    versions = read_active_versions(ROOT / "config" / "models.toml")
    card = ModelRegistry().active(versions, LUNG_MODEL)
    return load_segmenter(Loading(card=card, cache=cache, threads=2))


def spoiled(radiograph: Radiograph, mistake: Callable[[np.ndarray], np.ndarray]) -> Radiograph:
    pixels = np.ascontiguousarray(mistake(radiograph.pixels))
    return Radiograph(
        sop_instance_uid=radiograph.sop_instance_uid,
        pixels=pixels,
        content=content_region(pixels),
    )


def test_active_models_are_complete() -> None:
    registry = ModelRegistry()
    versions = read_active_versions(ROOT / "config" / "models.toml")
    for name in versions:
        card = registry.active(versions, name)
        verify_weights(card)
        assert card.research_only
        assert card.limitations
        own = [metric for metric in card.metrics if metric.name != METRIC]
        if card.kind == "segmenter":
            assert {metric.split for metric in own} == {"cross-validation"}
        elif card.kind == "segmenter-ct":
            # Of real lesions by networks that have not seen them, of drawn ones by the weights.
            assert {metric.split for metric in own} == {"cross-validation", "test"}
        elif card.kind == "bone-subtraction":
            assert {metric.split for metric in own} == {"test"}
        elif card.has_weights:
            assert {metric.split for metric in own} == {"valid", "test"}
        if card.kind == "classifier":
            assert all(label.code and label.site for label in card.labels)
        if card.exclusive:
            assert {"all", "patients", "answered"} <= {metric.group for metric in own}
            assert all(label.threshold >= OVERRULING for label in card.labels)
            assert "Research only" in card.licence
        elif card.kind == "classifier":
            assert {metric.group for metric in own} >= {"all", "AP", "PA", "women", "men"}
            assert {metric.group for metric in card.metrics if metric not in own} == CUE_NAMES
            assert "any other abnormality" in " ".join(card.limitations)


@pytest.mark.parametrize("name", CHESTS)
def test_real_frontal_chests_are_analysed(
    name: str, received: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    shown = read_radiograph(dcmread(received / f"{name}.dcm"))
    prediction = shipped_predictor.predict([shown])
    assert prediction.refusals == ()
    findings = prediction.images[0].findings
    assert [finding.label for finding in findings] == ["Abnormal"]
    for finding in findings:
        assert 0 < finding.probability < 1
        assert finding.heat_map is not None
        assert finding.heat_map.values.max() in {0, 1}


@pytest.mark.parametrize("name", CHESTS[:3])
def test_both_lungs_are_outlined_on_real_chests(
    name: str, received: Path, lung_segmenter: LungSegmenter
) -> None:
    shown = read_radiograph(dcmread(received / f"{name}.dcm"))
    fields = lung_segmenter.segment(shown)
    for mask in (fields.image_left, fields.image_right):
        assert mask.shape == (shown.rows, shown.columns)
        assert 0.05 < mask.mean() < 0.35
    columns = [np.flatnonzero(mask.any(axis=0)).mean() / shown.columns
               for mask in (fields.image_left, fields.image_right)]  # fmt: skip
    assert columns[0] < 0.5 < columns[1]


def test_lungs_are_the_same_in_the_precision_that_their_card_allows(
    test_radiographs: list[Radiograph], lung_segmenter: LungSegmenter, cache: Path
) -> None:
    card = lung_segmenter.card
    assert card.bf16 is not None
    assert card.bf16.is_harmless
    choice = BackendChoice(precision=Precision.AUTO)
    allowed = load_segmenter(Loading(card=card, cache=cache, threads=2, choice=choice))
    agreement = [
        dice(allowed.segment(shown).both, lung_segmenter.segment(shown).both)
        for shown in test_radiographs[::12]
    ]
    assert min(agreement) > 0.98
    assert np.mean(agreement) > 0.995


def test_lungs_are_outlined_as_people_drew_them(
    test_data: Path, lung_segmenter: LungSegmenter, tmp_path: Path
) -> None:
    items = read_lungs(test_data / "lungs")[::8]
    report = evaluate_lungs(lung_segmenter, items, out=tmp_path)
    assert report.value("dice") > 0.9
    assert (tmp_path / "outlines.png").stat().st_size > 10_000
    assert len((tmp_path / "masks.csv").read_text().splitlines()) == 1 + len(items)


@pytest.mark.parametrize(("name", "reason"), OTHERS.items())
def test_everything_else_is_refused(
    name: str,
    reason: RefusalReason,
    received: Path,
    shipped_predictor: ChestRadiographPredictor,
) -> None:
    try:
        shown = read_radiograph(dcmread(received / f"{name}.dcm"))
    except ImageRefusedError as refused:
        assert refused.reason is reason
    else:
        prediction = shipped_predictor.predict([shown])
        assert prediction.images == ()
        assert prediction.refusals[0].reason is reason


def test_lossless_and_lossy_copies_of_one_radiograph_agree(
    received: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    pair = [
        shipped_predictor.predict([read_radiograph(dcmread(received / f"{name}.dcm"))])
        for name in CHESTS
        if name.startswith("philips")
    ]
    first, second = (one.images[0].findings[0].probability for one in pair)
    assert first == pytest.approx(second, abs=0.02)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")  # these files are broken on purpose
def test_malformed_objects_are_refused_or_analysed_but_never_crash(
    test_data: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    for path in sorted((test_data / "dicom" / "malformed").iterdir()):
        try:
            shown = read_radiograph(dcmread(path))
        except (InvalidDicomError, ImageRefusedError):
            continue
        assert shipped_predictor.predict([shown]).images == ()


def test_slices_of_a_chest_ct_are_refused(
    test_data: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    paths = sorted((test_data / "dicom" / "ct-nlst").iterdir())[::12]
    shown = [read_radiograph(dcmread(path)) for path in paths]
    prediction = shipped_predictor.predict(shown)
    assert prediction.images == ()
    assert len(prediction.refusals) == len(paths)


def test_unseen_chests_pass_the_guard(
    test_radiographs: list[Radiograph], shipped_predictor: ChestRadiographPredictor
) -> None:
    passed = sum(passes(shipped_predictor.guard, shown) for shown in test_radiographs)
    assert passed / len(test_radiographs) >= 0.98


@pytest.mark.parametrize("kind", MISTAKES, ids=lambda kind: kind.name)
def test_turned_and_inverted_chests_are_caught(
    kind: object,
    test_radiographs: list[Radiograph],
    shipped_predictor: ChestRadiographPredictor,
) -> None:
    chosen = test_radiographs[::2]
    mistake = next(change for name, change in MISTAKES.items() if name is kind)
    passed = sum(passes(shipped_predictor.guard, spoiled(shown, mistake)) for shown in chosen)
    assert passed / len(chosen) <= 0.05


def test_the_active_model_looks_at_the_lungs(
    test_data: Path, shipped_predictor: ChestRadiographPredictor, lung_segmenter: LungSegmenter
) -> None:
    """The strongest activation of what is called abnormal lies within them, widened a little."""
    dataset = read_cxr(test_data / "cxr")
    kept = {}
    for item in dataset.part(Split.VALID)[::6]:
        shown = as_radiograph(dataset, item)
        lungs = lung_segmenter.segment(shown).both
        for image in shipped_predictor.predict([shown]).images:
            for finding in located(image, partial(LungPlaces, lungs)).image.positive:
                assert finding.heat_map is not None
                assert finding.heat_map.within is not None
                kept[item.file] = bool(finding.heat_map.within.any())
    assert len(kept) >= 5
    assert all(kept.values())


def test_the_samples_of_demonstration_and_tour_that_show_something_are_called_abnormal(
    tmp_path: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    """Whoever looks at the node for the first time sees a finding, and where it is."""
    now = datetime(2026, 1, 5, 12, tzinfo=UTC)
    shown = [each for each in islice(make_studies(tmp_path, now), 3) if "abnormal" in each.title]
    samples = [make_radiograph(StudyUids.fresh(), now, SAMPLE).dataset]
    samples += [dcmread(path) for study in shown for path in study.files]
    assert len(samples) == 4
    threshold = shipped_predictor.card.labels[0].threshold
    for sample in samples:
        assert shipped_predictor.probabilities(read_radiograph(sample))[0] > threshold


def test_normal_and_abnormal_chests_are_told_apart(
    test_data: Path, shipped_predictor: ChestRadiographPredictor
) -> None:
    dataset = read_cxr(test_data / "cxr")
    items = dataset.part(Split.TEST)[::6]
    found: dict[bool, list[float]] = {True: [], False: []}
    for item in items:
        probability = shipped_predictor.probabilities(as_radiograph(dataset, item))[0]
        found["Pneumonia" in item.labels].append(float(probability))
    above = np.array(found[True])[:, None] > np.array(found[False])
    assert above.mean() > 0.8
