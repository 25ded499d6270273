"""Which of a study's series is measured, what is said of the others, and what is refused."""

import dataclasses
from collections.abc import Callable

import pytest
from pydicom import Dataset

from ai_engine.ct.kernels import Kernel, kernel_of
from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.predictor import load_classical
from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.ct.testing import ct_datasets, phantom
from ai_engine.ct.volume import CtVolume
from ai_engine.errors import ModelFolderError
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry

pytestmark = pytest.mark.slow

THIN, THICK, OTHER = ("1.2.3.1", "1.2.3.2", "1.2.3.3")


@pytest.fixture(scope="module")
def volume() -> CtVolume:
    return phantom(shape=(60, 96, 128), spacing=(4.0, 2.6, 2.6))


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return ModelRegistry().card("ct-high-attenuation", "1.0.0")


def series(volume: CtVolume, uid: str, kernel: str = "B30f", *, step: int = 1) -> list[Dataset]:
    """The volume's slices, or every ``step``-th of them, as a series of their own."""
    datasets = ct_datasets(volume)[::step]
    for number, dataset in enumerate(datasets, start=1):
        dataset.SeriesInstanceUID = uid
        dataset.SOPInstanceUID = f"{uid}.{number}"
        dataset.ConvolutionKernel = kernel
    return datasets


def analysed(card: ModelCard, *datasets: Dataset) -> CtPrediction:
    by_uid = {each.SOPInstanceUID: each for each in datasets}
    return load_classical(card).predict(list(datasets), by_uid.__getitem__)


def measured(prediction: CtPrediction) -> str:
    """The series that was measured."""
    return min(prediction.analysed).rsplit(".", 1)[0]


def test_the_thinnest_series_is_measured_and_the_others_are_named(
    volume: CtVolume, card: ModelCard
) -> None:
    thin, thick = series(volume, THIN, "B60f"), series(volume, THICK, step=2)
    localizer = ct_datasets(volume)[0]
    localizer.SeriesInstanceUID, localizer.SOPInstanceUID = OTHER, f"{OTHER}.1"
    localizer.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    prediction = analysed(card, *thick, localizer, *thin)
    assert measured(prediction) == THIN
    assert prediction.choice == (
        "Analysed: 60 axial slices 4 mm apart, lung kernel; among 2 series, the thinnest axial one "
        "whose kernel is not for bone."
    )
    assert [(each.series_instance_uid, each.reason) for each in prediction.left_out] == [
        (OTHER, "localizer instead of slices"),
        (
            THICK,
            "another series was analysed (30 axial slices 8 mm apart, soft-tissue kernel)",
        ),
    ]
    assert prediction.refusals == ()


@pytest.mark.parametrize(("better", "worse"), [("B30f", "B60f"), ("B60f", "B75f")])
def test_of_two_that_are_as_thin_the_softer_kernel_is_measured(
    volume: CtVolume, card: ModelCard, better: str, worse: str
) -> None:
    prediction = analysed(card, *series(volume, THIN, worse), *series(volume, THICK, better))
    assert measured(prediction) == THICK


def test_a_thick_series_goes_before_a_thin_one_of_a_bone_kernel(
    volume: CtVolume, card: ModelCard
) -> None:
    prediction = analysed(
        card, *series(volume, THIN, "BONE"), *series(volume, THICK, "STANDARD", step=2)
    )
    assert measured(prediction) == THICK


def test_a_series_with_a_gap_is_refused_and_the_next_one_measured(
    volume: CtVolume, card: ModelCard
) -> None:
    damaged = series(volume, THIN)
    del damaged[30]
    prediction = analysed(card, *damaged, *series(volume, THICK, step=2))
    assert measured(prediction) == THICK
    (refusal,) = prediction.refusals
    assert (refusal.series_instance_uid, refusal.reason) == (THIN, CtRefusalReason.MISSING_SLICES)
    assert prediction.refused == {each.SOPInstanceUID for each in damaged}


def _sideways(datasets: list[Dataset]) -> None:
    for each in datasets:
        each.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]


def _few(datasets: list[Dataset]) -> None:
    del datasets[10:]


def _not_ct(datasets: list[Dataset]) -> None:
    for each in datasets:
        each.Modality = "PT"


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_sideways, CtRefusalReason.NOT_AXIAL),
        (_few, CtRefusalReason.TOO_FEW_SLICES),
        (_not_ct, CtRefusalReason.NOT_CT),
    ],
)
def test_a_study_without_a_series_to_measure_says_why(
    volume: CtVolume,
    card: ModelCard,
    spoil: Callable[[list[Dataset]], None],
    reason: CtRefusalReason,
) -> None:
    datasets = series(volume, THIN)
    spoil(datasets)
    prediction = analysed(card, *datasets)
    assert prediction.analysis is None
    assert not prediction.is_positive
    assert prediction.choice == "No series could be analysed."
    assert [each.reason for each in prediction.refusals] == [reason]


def test_pixels_are_read_of_the_chosen_series_only(volume: CtVolume, card: ModelCard) -> None:
    datasets = [*series(volume, THIN), *series(volume, THICK, step=2)]
    by_uid = {each.SOPInstanceUID: each for each in datasets}
    read = []

    def load(uid: str) -> Dataset:
        read.append(uid)
        return by_uid[uid]

    prediction = load_classical(card).predict(datasets, load)
    assert set(read) == prediction.analysed == {uid for uid in by_uid if uid.startswith(THIN)}


def test_a_card_of_other_settings_is_refused(card: ModelCard) -> None:
    other = dataclasses.replace(card, weights_digest="0" * 64)
    with pytest.raises(ModelFolderError, match="correct the card"):
        load_classical(other)


@pytest.mark.parametrize(
    ("name", "kernel"),
    [
        ("B30f", Kernel.SOFT),
        ("Br40d", Kernel.SOFT),
        ("I31f", Kernel.SOFT),
        ("B60f", Kernel.LUNG),
        ("Bl57", Kernel.LUNG),
        ("B80s", Kernel.BONE),
        ("FC01", Kernel.SOFT),
        ("FC51", Kernel.LUNG),
        ("FC30", Kernel.BONE),
        ("FC21", Kernel.UNKNOWN),
        ("STANDARD", Kernel.SOFT),
        ("LUNG", Kernel.LUNG),
        ("BONEPLUS", Kernel.BONE),
        ("B", Kernel.SOFT),
        ("YB", Kernel.LUNG),
        ("", Kernel.UNKNOWN),
        ("something new", Kernel.UNKNOWN),
    ],
)
def test_kernels_are_known_by_their_manufacturers_names(name: str, kernel: Kernel) -> None:
    assert kernel_of(name) is kernel
