"""A candidate beside the champion: the paired difference, what is said of it, and the report."""

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.commands.comparison.measuring import measure
from ai_engine.commands.comparison.paired import (
    ALL_DEVICES,
    PairedCases,
    PairedResult,
    compare,
)
from ai_engine.commands.comparison.plot import draw_comparison
from ai_engine.commands.comparison.report import (
    TEXT_NAME,
    Comparison,
    as_table,
    write_report,
)
from ai_engine.commands.comparison.standing import JSON_NAME, Standing, refusal
from ai_engine.errors import ModelFolderError
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.classifier.validated import ValidatedCase
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Region
from ai_engine.preprocessing.radiograph import Radiograph

LABEL = "Pneumonia"
AT = datetime(2026, 3, 1, tzinfo=UTC)


def pairs(
    champion: float, candidate: float, *, count: int = 120, device: str = "CR1", seed: int = 1
) -> PairedCases:
    """Cases that each model ranks by the truth, so many deviations apart."""
    rng = np.random.default_rng(seed)
    truth = np.arange(count) % 3 == 0
    common = rng.normal(size=count)

    def scores(apart: float) -> np.ndarray:
        odds = common + 0.3 * rng.normal(size=count) + apart * truth
        return np.asarray(1 / (1 + np.exp(-odds)))

    return PairedCases(
        device=device,
        champion=LabelCases(
            label=LABEL,
            scores=scores(champion),
            truth=truth,
            patients=tuple(str(number // 2) for number in range(count)),
        ),
        candidate=scores(candidate),
    )


def result(cases: PairedCases, minimum: Minimum | None = None) -> PairedResult:
    return compare(cases, champion_threshold=0.5, candidate_threshold=0.6, minimum=minimum)


@pytest.mark.parametrize(
    ("champion", "candidate", "standing"),
    [
        (0.5, 2.5, Standing.BETTER),
        (2.5, 0.5, Standing.WORSE),
        (1.5, 1.5, Standing.NO_DIFFERENCE),
    ],
)
def test_the_interval_of_the_difference_decides(
    champion: float, candidate: float, standing: Standing
) -> None:
    found = result(pairs(champion, candidate))
    assert found.standing is standing
    assert found.difference is not None
    assert found.champion is not None
    assert found.candidate is not None
    assert found.difference.value == pytest.approx(
        found.candidate.auc.value - found.champion.auc.value
    )
    assert found.difference.low <= found.difference.value <= found.difference.high


def test_pairing_narrows_the_interval() -> None:
    found = result(pairs(1.5, 1.6))
    assert found.difference is not None
    assert found.champion is not None
    width = found.champion.auc.high - found.champion.auc.low
    assert found.difference.high - found.difference.low < 0.8 * width


def test_few_cases_are_not_judged_and_one_class_has_no_figures() -> None:
    few = result(pairs(0.5, 2.5), Minimum(positives=50, negatives=10))
    assert few.standing is Standing.TOO_FEW
    assert few.difference is not None
    assert "40 with the finding (at least 50 needed)" in few.reason
    cases = pairs(1, 1)
    healthy = np.flatnonzero(~cases.champion.truth)
    one_class = result(
        PairedCases(
            device="CR1", champion=cases.champion.of(healthy), candidate=cases.candidate[healthy]
        )
    )
    assert one_class.standing is Standing.TOO_FEW
    assert one_class.difference is None
    assert "0 with the finding" in one_class.reason


def test_scores_that_are_no_pairs_are_refused() -> None:
    cases = pairs(1, 1)
    with pytest.raises(ValueError, match="are not pairs"):
        PairedCases(device="CR1", champion=cases.champion, candidate=cases.candidate[:3])


def comparison(*results: PairedResult) -> Comparison:
    return Comparison(
        champion="chest/2.0.0",
        candidate="chest/2.1.0",
        made_at=AT,
        results=results,
        titles={"CR1": "CR1 Maker Plate"},
        notes=("Left out 1: gone.",),
    )


BETTER, WORSE = result(pairs(0.5, 2.5)), result(pairs(2.5, 0.5, device="CR2"))
OPEN = result(pairs(1.5, 1.5, device="CR3"))
NOTHING = result(pairs(0.5, 2.5), Minimum(positives=50, negatives=10))


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ((BETTER, WORSE), "Do not promote chest/2.1.0: it is worse than chest/2.0.0 on CR2"),
        ((BETTER, OPEN), "better than chest/2.0.0 on CR1 Maker Plate, Pneumonia"),
        ((OPEN,), "nothing speaks for a promotion"),
        ((NOTHING,), "Nothing can be said of chest/2.1.0"),
        ((), "Nothing can be said"),
    ],
)
def test_the_verdict_is_said_in_plain_words(results: tuple[PairedResult, ...], words: str) -> None:
    assert words in comparison(*results).verdict


def test_where_no_difference_is_shown_the_possible_loss_is_named() -> None:
    assert OPEN.difference is not None
    lost = -OPEN.difference.low
    assert lost > 0
    assert f"a loss of up to {lost:.3f} AUC cannot be ruled out" in comparison(BETTER, OPEN).verdict


@pytest.mark.slow
def test_the_report_is_kept_for_people_and_programs(tmp_path: Path) -> None:
    made = comparison(BETTER, WORSE, NOTHING)
    write_report(made, tmp_path)
    table = json.loads((tmp_path / JSON_NAME).read_text("utf-8"))
    assert table["verdict"] == made.verdict
    assert table["results"][0]["standing"] == "better"
    assert table["results"][0]["difference"]["low"] > 0
    text = (tmp_path / TEXT_NAME).read_text("utf-8")
    assert made.verdict in text
    assert "Left out 1: gone." in text
    assert "| CR1 Maker Plate | Pneumonia | 120 (40 with it) |" in text
    assert as_table(made).row_count == 3
    assert refusal(tmp_path) == made.verdict
    draw_comparison(made, tmp_path / "comparison.png")
    assert (tmp_path / "comparison.png").stat().st_size > 5000
    draw_comparison(comparison(), tmp_path / "empty.png")


class MeanBackend:
    """Finds a probability that follows how bright the image is, up or down."""

    def __init__(self, sign: float) -> None:
        self._sign = sign

    def predict(self, batch: FloatArray) -> Activation:
        """A probability by the corner's brightness: standardised views all have mean 0."""
        corner = self._sign * batch[:, :8, :, 0].mean(axis=(1, 2))
        probabilities = (1 / (1 + np.exp(-corner)))[:, np.newaxis].astype(np.float32)
        return Activation(probabilities=probabilities, features=np.zeros((1, 1, 1, 1), np.float32))


def card(version: str) -> ModelCard:
    return chest_card(Path(), version=version)


@pytest.mark.slow
def test_models_are_measured_for_all_devices_and_for_each() -> None:
    cases = [
        ValidatedCase(
            name=f"{device}{number}",
            device=device,
            patient=str(number),
            truths={LABEL: number % 2 == 0},
            weights={LABEL: 1.0},
        )
        for device in ("CR1", "CR2")
        for number in range(30)
    ]

    def read(case: ValidatedCase) -> Radiograph:
        pixels = np.full((64, 64), 0.5, dtype=np.float32)
        pixels[32:] = 0.4
        pixels[:8] = 0.9 if case.truths[LABEL] else 0.1
        return Radiograph(
            sop_instance_uid=case.name,
            pixels=pixels,
            content=Region(left=0, top=0, right=64, bottom=64),
        )

    found = measure(
        champion=Scorer(card("1.0.0"), MeanBackend(-1)),
        candidate=Scorer(card("1.1.0"), MeanBackend(1)),
        cases=cases,
        read=read,
        minimum=Minimum(),
        titles={},
        notes=(),
        made_at=AT,
    )
    assert [each.device for each in found.results] == [ALL_DEVICES, "CR1", "CR2"]
    assert [each.cases for each in found.results] == [60, 30, 30]
    for each in found.results:
        assert each.standing is Standing.BETTER
        assert each.difference is not None
        assert each.difference.value == pytest.approx(1)


def test_a_report_speaks_against_a_promotion_only_where_something_is_worse(tmp_path: Path) -> None:
    assert refusal(tmp_path) == ""
    write_report(comparison(BETTER, OPEN, NOTHING), tmp_path)
    assert refusal(tmp_path) == ""
    (tmp_path / JSON_NAME).write_text("{", encoding="utf-8")
    with pytest.raises(ModelFolderError, match="not a report of a comparison"):
        refusal(tmp_path)
