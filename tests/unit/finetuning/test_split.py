"""Cases are collected and divided: by patient, for good, with a reason for what is left out."""

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from ai_engine.calibration.cases import Minimum
from dicom_node.domain.held_out import Part
from dicom_node.domain.warehouse import TruthSource
from dicom_node.finetuning.cases import Collected, LostImageError, collect, reader
from dicom_node.finetuning.split import (
    Split,
    SplitRules,
    TooFewCasesError,
    TwoPartsError,
    require_apart,
    split,
)
from dicom_node.persistence.database import WAREHOUSE_MIGRATIONS, make_engine
from dicom_node.persistence.warehouse.held_out import HeldOutStore
from dicom_node.workflow.testing.review_fakes import FakeWarehouse
from tests.schema import give_schema
from tests.unit.builders import EPOCH
from tests.unit.finetuning.builders import (
    DEVICE,
    OTHER_DEVICE,
    file_case,
    file_cases,
    remove_file,
    spoil_file,
)
from tests.unit.validated import CARD, LABEL

AT = datetime(2026, 3, 1, tzinfo=UTC)
RULES = SplitRules(
    held_out_share=0.4,
    validation_share=0.2,
    training=Minimum(positives=4, negatives=4),
    held_out=Minimum(positives=3, negatives=3),
)


class House:
    """A Warehouse with files, and the store of what is held out."""

    def __init__(self, folder: Path, engine: sa.Engine) -> None:
        self.folder = folder
        self.warehouse = FakeWarehouse()
        self.held_out = HeldOutStore(engine)

    def path(self, relative: str) -> Path:
        return self.folder / relative

    def collected(self) -> Collected:
        return collect(self.warehouse.records(), labels=(LABEL,), path_of=self.path)

    def split(self, rules: SplitRules = RULES) -> Split:
        return split(self.collected(), model=CARD.name, held_out=self.held_out, rules=rules, at=AT)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    engine = make_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    give_schema(engine, WAREHOUSE_MIGRATIONS)
    yield House(tmp_path / "files", engine)
    engine.dispose()


@pytest.mark.slow
def test_patients_are_on_one_side_across_devices(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    for number in range(40):
        file_case(
            house.warehouse,
            house.folder,
            number + 100,
            present=(number // 2) % 2 == 0,
            device=OTHER_DEVICE,
            patient=f"patient {number // 2}",
        )
    made = house.split()
    parts = [made.training, made.validation, made.held_out]
    patients = [{each.case.patient for each in part} for part in parts]
    assert all(patients)
    assert not patients[0] & patients[1]
    assert not (patients[0] | patients[1]) & patients[2]
    assert {each.case.device for each in made.held_out} == {
        DEVICE.device_id,
        OTHER_DEVICE.device_id,
    }


@pytest.mark.slow
def test_a_frozen_set_stays_whatever_is_validated_later(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    before = house.split()
    changed = next(each for each in before.held_out)
    # New patients, and another verdict on a frozen image.
    file_cases(house.warehouse, house.folder, 40, first=200)
    file_case(
        house.warehouse,
        house.folder,
        int(changed.case.name.removeprefix("1.2.")),
        present=not changed.case.truths[LABEL],
        patient=changed.case.patient,
        study=changed.study_instance_uid,
        record_id="f" * 32,
        at=AT,
    )
    after = house.split(dataclasses.replace(RULES, held_out_share=0.9))
    assert after.held_out == before.held_out
    assert {each.key for each in before.training} <= {each.key for each in after.training}


def test_a_device_without_enough_has_no_frozen_set_and_it_is_said(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    file_case(house.warehouse, house.folder, 900, present=True, device=OTHER_DEVICE)
    made = house.split()
    assert {each.case.device for each in made.held_out} == {DEVICE.device_id}
    assert any(
        OTHER_DEVICE.device_id in note and "no frozen set yet" in note for note in made.notes
    )


@pytest.mark.slow
def test_only_the_devices_asked_for_are_learned_from_but_all_are_measured(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    file_cases(house.warehouse, house.folder, 40, first=100, device=OTHER_DEVICE)
    only = dataclasses.replace(RULES, only=frozenset({DEVICE.device_id}), rehearse=False)
    made = house.split(only)
    assert {each.case.device for each in made.training} == {DEVICE.device_id}
    assert len({each.case.device for each in made.held_out}) == 2


@pytest.mark.slow
def test_as_many_cases_of_other_devices_are_learned_again_as_are_new(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    file_cases(house.warehouse, house.folder, 120, first=100, device=OTHER_DEVICE)
    only = dataclasses.replace(RULES, only=frozenset({DEVICE.device_id}))
    made = house.split(only)
    devices = [each.case.device for each in (*made.training, *made.validation)]
    own, others = devices.count(DEVICE.device_id), devices.count(OTHER_DEVICE.device_id)
    assert own == others > 0
    assert any(f"{others} cases of 1 others" in note for note in made.notes)
    few = house.split(dataclasses.replace(only, most=30))
    assert len((*few.training, *few.validation)) == 30


@pytest.mark.slow
def test_the_newest_cases_are_taken_where_there_are_too_many(house: House) -> None:
    file_cases(house.warehouse, house.folder, 80)
    every = house.split()
    newest = house.split(dataclasses.replace(RULES, most=20))
    count = len(newest.training) + len(newest.validation)
    assert count == 20
    kept = {each.key for each in (*newest.training, *newest.validation)}
    left = {each.key for each in (*every.training, *every.validation)} - kept
    assert min(record for record, _ in kept) > max(record for record, _ in left)


def test_one_study_under_two_patients_is_not_learned_from(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    before = house.split()
    held, learned = before.held_out[0], before.training[0]
    # The held-out study once more, filed under a patient who is learned from.
    file_case(
        house.warehouse,
        house.folder,
        700,
        present=True,
        patient=learned.case.patient,
        study=held.study_instance_uid,
    )
    after = house.split()
    assert "1.2.700" not in {each.case.name for each in (*after.training, *after.validation)}
    assert any("held out under another patient" in note for note in after.notes)


def _learned(made: Split) -> set[str]:
    return {each.case.name for each in (*made.training, *made.validation)}


@pytest.mark.slow
def test_the_study_of_a_held_out_patient_without_a_frozen_set_is_not_learned_from(
    house: House,
) -> None:
    file_cases(house.warehouse, house.folder, 40)
    before = house.split()
    held, learned = before.held_out[0].case.patient, before.training[0].case.patient
    # The held-out patient's study of today: too late for the frozen set of one device, and the
    # only one of the other, which has no set.
    for number, device in ((700, DEVICE), (800, OTHER_DEVICE)):
        study = f"9.8.{number}"
        file_case(
            house.warehouse,
            house.folder,
            number,
            present=True,
            device=device,
            patient=held,
            study=study,
        )
        # The same study under a patient who is learned from, and a study of that patient's own.
        file_case(
            house.warehouse, house.folder, number + 1, present=True, patient=learned, study=study
        )
        file_case(house.warehouse, house.folder, number + 2, present=True, patient=learned)
    after = house.split()
    assert after.held_out == before.held_out
    assert _learned(after) - _learned(before) == {"1.2.702", "1.2.802"}
    assert any(
        note.startswith("Left out 2") and "held out under another patient" in note
        for note in after.notes
    )


def test_an_image_of_a_held_out_patient_filed_anew_under_another_is_not_learned_from(
    house: House,
) -> None:
    file_cases(house.warehouse, house.folder, 40)
    before = house.split()
    held, learned = before.held_out[0].case.patient, before.training[0].case.patient
    file_case(house.warehouse, house.folder, 700, present=True, patient=held)
    file_case(
        house.warehouse,
        house.folder,
        700,
        present=True,
        patient=learned,
        study="9.8.7",
        record_id="e" * 32,
        at=AT,
    )
    after = house.split()
    assert _learned(after) == _learned(before)
    assert any(note.startswith("Left out 1") for note in after.notes)


def test_a_plan_with_a_patient_in_two_parts_is_refused(house: House) -> None:
    file_cases(house.warehouse, house.folder, 40)
    made = house.split()
    require_apart(made.training, made.held_out)
    spoiled = dataclasses.replace(
        made.training[0],
        case=dataclasses.replace(made.training[0].case, patient=made.held_out[0].case.patient),
    )
    with pytest.raises(TwoPartsError, match=f"{spoiled.record_id}.*one patient.*nothing was"):
        require_apart([spoiled], made.held_out)


def test_too_few_cases_and_one_class_are_told_apart(house: House) -> None:
    with pytest.raises(TooFewCasesError, match=r"too few cases to learn from \(none\)"):
        house.split()
    for number in range(20):
        file_case(house.warehouse, house.folder, number, present=True)
    with pytest.raises(TooFewCasesError, match=r"only one class.*0 without"):
        house.split()
    file_case(house.warehouse, house.folder, 21, present=False)
    with pytest.raises(TooFewCasesError, match=r"finetuning\.min_negatives"):
        house.split()


def test_what_cannot_be_used_is_counted_with_its_record(house: House) -> None:
    file_cases(house.warehouse, house.folder, 4)
    lost = file_case(house.warehouse, house.folder, 10, present=True)
    unsure = file_case(house.warehouse, house.folder, 11, present=None)
    remove_file(house.folder, lost)
    found = house.collected()
    assert len(found.cases) == 4
    assert unsure.record_id not in {each.record_id for each in found.cases}
    (reason,) = found.left_out
    assert lost.record_id in reason
    assert "send the study again" in reason


def test_the_newest_verdict_on_an_image_holds_and_sources_weigh(house: House) -> None:
    first = file_case(house.warehouse, house.folder, 1, present=True)
    later = first.decided_at + timedelta(days=1)
    file_case(
        house.warehouse,
        house.folder,
        1,
        present=False,
        record_id="e" * 32,
        at=later,
        source=TruthSource.ADJUDICATION,
    )
    (newest,) = house.collected().newest().values()
    assert newest.case.truths == {LABEL: False}
    assert newest.case.weights == {LABEL: 1.2}


def test_images_are_read_from_the_warehouse_and_spoiled_ones_named(house: House) -> None:
    record = file_case(house.warehouse, house.folder, 1, present=True, at=EPOCH)
    cases = house.collected().cases
    read = reader(house.path, cases)
    assert read(cases[0].case).rows == 256
    spoil_file(house.folder, record)
    with pytest.raises(LostImageError, match=f"{record.record_id} cannot be read"):
        read(cases[0].case)


def test_parts_are_kept_as_they_were_first(house: House) -> None:
    kept = house.held_out.assign({"a": Part.HELD_OUT}, at=AT)
    assert kept == {"a": Part.HELD_OUT}
    again = house.held_out.assign({"a": Part.TRAINING, "b": Part.TRAINING}, at=AT)
    assert again == {"a": Part.HELD_OUT, "b": Part.TRAINING}
