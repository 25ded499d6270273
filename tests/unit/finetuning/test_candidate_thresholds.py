"""A candidate's thresholds are its own, however few cases there are to choose them on."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.commands.finetune import Tuning
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.classifier.validated import ValidatedCase
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard, read_card, write_card
from ai_engine.library.half_precision import Bf16Change
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.finetuning.candidate import make_candidate, with_thresholds
from dicom_node.finetuning.plan import Plan

pytestmark = pytest.mark.slow

AT = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Answers:
    """Stands for a network: what it says of an image is written in the image."""

    card: ModelCard
    power: float

    def probabilities(self, radiograph: Radiograph) -> npt.NDArray[np.float32]:
        """The image's first pixel to a power, for each label."""
        return np.full(len(self.card.labels), radiograph.pixels[0, 0] ** self.power, np.float32)


def cases(count: int, *, truths: bool) -> list[ValidatedCase]:
    return [
        ValidatedCase(
            name=str(number),
            device="CR1",
            patient=str(number),
            truths={"Pneumonia": number >= 0.8 * count} if truths else {},
            weights={"Pneumonia": 1.0} if truths else {},
        )
        for number in range(count)
    ]


def thresholds(folder: Path, found: list[ValidatedCase]) -> tuple[float, str]:
    card = chest_card(folder, digest="0" * 64)
    (label,) = card.labels[:1]
    card = replace(card, labels=(replace(label, name="Pneumonia", threshold=0.5),))
    write_card(card)

    def read(case: ValidatedCase) -> Radiograph:
        score = np.float32((int(case.name) + 0.5) / len(found))
        return Radiograph(
            sop_instance_uid=case.name,
            pixels=np.full((1, 1), score),
            content=(0, 0, 1, 1),  # type: ignore[arg-type]
        )

    champion: Scorer = Answers(card, 1)  # type: ignore[assignment]
    candidate: Scorer = Answers(card, 3)  # type: ignore[assignment]
    chosen, (note,) = with_thresholds(candidate, champion, found, read=read, made_at=AT)
    assert read_card(folder) == chosen
    return chosen.labels[0].threshold, note


def test_without_verdicts_as_many_are_called_as_before(tmp_path: Path) -> None:
    threshold, note = thresholds(tmp_path, cases(40, truths=False))
    assert sum(((number + 0.5) / 40) ** 3 >= threshold for number in range(40)) == 20
    assert "carried over: of 40 images" in note


def test_verdicts_that_show_a_better_threshold_choose_it(tmp_path: Path) -> None:
    threshold, note = thresholds(tmp_path, cases(100, truths=True))
    assert 0.78**3 < threshold < 0.82**3
    assert "chosen on 100 images" in note


def test_with_too_few_images_it_is_said_that_the_threshold_may_not_fit(tmp_path: Path) -> None:
    threshold, note = thresholds(tmp_path, cases(6, truths=False))
    assert threshold == 0.5
    assert "may not fit" in note


def test_what_bf16_changes_is_not_known_of_weights_that_were_learned_on(tmp_path: Path) -> None:
    harmless = Bf16Change(measure="dice", images=9, change=0.0, low=-0.001, high=0.001)
    champion = replace(chest_card(tmp_path, digest="0" * 64), bf16=harmless)
    plan = Plan(
        model=champion.name,
        champion=champion.version,
        champion_digest=champion.weights_digest,
        version="9.0.0",
        tuning=Tuning(),
        training=(),
        validation=(),
        held_out=(),
        notes=(),
        made_at=AT,
        made_by="test",
    )
    weights = {"head/kernel": np.zeros((1, 1), np.float32)}
    made = make_candidate(champion, plan, weights, out=tmp_path, patients=0)
    assert made.bf16 is None
    assert read_card(made.folder).bf16 is None
