"""A shadow follows the champion, keeps what it says to itself, and is compared with both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from ai_engine.calibration.cases import Minimum
from ai_engine.commands.comparison.paired import ALL_DEVICES
from ai_engine.commands.comparison.standing import Standing
from ai_engine.errors import BackendError
from dicom_node.domain.device import Device
from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow, ShadowScore
from dicom_node.errors import NotFoundError
from dicom_node.workflow.devices.shadow import Score, ShadowRun
from dicom_node.workflow.devices.shadow_report import shadow_report
from dicom_node.workflow.testing.fakes import FakeClock
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD, LABEL, Validated

SHADOW = Shadow(
    model_name=CARD.name, version="2.1.0", weights_digest="b" * 64, since=EPOCH, actor="ann"
)
DEVICE, OTHER = Device(calling_ae="CR1"), Device(calling_ae="CR2")


@dataclass
class Ledger:
    """Shadows in memory, over the observations of some validated cases."""

    observations: Sequence[Observation]
    kept: list[ShadowScore] = field(default_factory=list)
    shadows: tuple[Shadow, ...] = (SHADOW,)

    def all(self) -> tuple[Shadow, ...]:
        return self.shadows

    def pending(self, shadow: Shadow, *, limit: int) -> tuple[Observation, ...]:
        del shadow
        seen = {each.job_id for each in self.kept}
        return tuple(each for each in self.observations if each.job_id not in seen)[:limit]

    def calls(self, job_id: str, sop_instance_uid: str) -> Mapping[str, bool]:
        del sop_instance_uid
        score = next(each for each in self.observations if each.job_id == job_id).scores[LABEL]
        return {LABEL: score >= 0.5}

    def keep(self, scores: Sequence[ShadowScore]) -> None:
        self.kept += scores


def validated() -> Validated:
    """Forty cases of two devices: the champion is right on the first and wrong on the second."""
    made = Validated()
    for number in range(40):
        device = OTHER if number >= 20 else DEVICE
        truth = number % 2 == 0
        right = 0.9 if truth else 0.1
        made.add(device, score=right if device is DEVICE else 1 - right, truth=truth)
    return made


def perfect(_shadow: Shadow, observation: Observation) -> Mapping[str, float]:
    """A shadow that is always right: the truth alternates."""
    return {LABEL: 0.8 if int(observation.job_id) % 2 == 0 else 0.2}


def followed(made: Validated, score: Score = perfect) -> Ledger:
    ledger = Ledger(made.observations)
    run = ShadowRun(ledger=ledger, score=score, clock=FakeClock())
    while run.run():
        pass
    return ledger


def test_every_image_is_looked_at_once_beside_what_the_champion_said() -> None:
    ledger = followed(validated())
    assert [each.job_id for each in ledger.kept] == [f"{n:032d}" for n in range(40)]
    first = ledger.kept[0]
    assert first.scores == {LABEL: 0.8}
    assert first.champion_scores == {LABEL: 0.9}
    assert first.champion_calls == {LABEL: True}
    assert first.device_id == DEVICE.device_id
    assert first.champion_digest == CARD.weights_digest


def test_a_run_takes_some_and_comes_back() -> None:
    ledger = Ledger(validated().observations)
    run = ShadowRun(ledger=ledger, score=perfect, clock=FakeClock())
    assert run.run() == 20
    assert len(ledger.kept) == 20


@pytest.mark.parametrize("error", [NotFoundError("the file is gone"), BackendError("no memory")])
def test_what_it_cannot_look_at_is_kept_with_the_reason(error: Exception) -> None:
    def fail(_shadow: Shadow, observation: Observation) -> Mapping[str, float]:
        if int(observation.job_id) == 3:
            raise error
        return {LABEL: 0.7}

    made = validated()
    ledger = followed(made, fail)
    assert [each.failure for each in ledger.kept if each.failure] == [str(error)]
    report = shadow_report(CARD, ledger.kept, made.warehouse.truths())
    assert report.failures == {str(error): 1}
    assert report.images == 39


def test_the_report_says_by_device_who_agrees_with_whom() -> None:
    made = validated()
    report = shadow_report(
        CARD,
        followed(made).kept,
        made.warehouse.truths(),
        minimum=Minimum(positives=5, negatives=5),
    )
    everywhere, first, second = report.agreements
    assert everywhere.device_id == ALL_DEVICES
    assert (first.device_id, second.device_id) == (DEVICE.device_id, OTHER.device_id)
    assert first.agreement.value == 1
    assert first.kappa == 1
    assert second.agreement.value == 0
    assert everywhere.agreement.hits == 20
    assert second.champion_right is not None
    assert second.shadow_right is not None
    assert (second.champion_right.value, second.shadow_right.value) == (0, 1)
    assert second.compared is not None
    assert second.compared.standing is Standing.BETTER
    assert first.compared is not None
    assert first.compared.standing is Standing.NO_DIFFERENCE


def test_without_verdicts_only_the_agreement_is_known() -> None:
    report = shadow_report(CARD, followed(validated()).kept, [])
    assert report.agreements[0].champion_right is None
    assert report.agreements[0].compared is None
    assert report.agreements[0].shift == pytest.approx(0)


def test_verdicts_of_other_studies_and_undecided_ones_do_not_count() -> None:
    made = validated()
    truths = [replace(each, record_id=f"x{each.record_id}") for each in made.warehouse.truths()]
    undecided = [replace(each, value=None) for each in made.warehouse.truths()]
    report = shadow_report(CARD, followed(made).kept, [*truths, *undecided])
    assert report.agreements[0].champion_right is None
