"""The Warehouse keeps what was filed, whole, and gives it out by device, model and label."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from ai_engine.prediction import Region
from dicom_node.domain.device import Device
from dicom_node.domain.review.review import Judgement, Laterality, Reviewer, ReviewerRole
from dicom_node.domain.review.vocabulary import vocabulary_of
from dicom_node.domain.warehouse import (
    Change,
    LabelCount,
    LabelledBox,
    LabelTruth,
    TruthSource,
    Verification,
    Warehouse,
    WarehouseFilter,
    WarehouseImage,
    WarehouseRecord,
)
from dicom_node.errors import NotFoundError
from dicom_node.persistence.database import (
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
    schema_revision,
    version_table,
)
from dicom_node.persistence.warehouse.tables import WAREHOUSE
from dicom_node.persistence.warehouse.warehouse import WarehouseStore
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from dicom_node.workflow.testing.review_fakes import FakeWarehouse, fake_details
from tests.schema import give_schema

NOW = datetime(2026, 2, 1, tzinfo=UTC)
DEVICE = Device(calling_ae="CR1", manufacturer="Maker", model_name="Plate", serial_number="7")


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def warehouse_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    if request.param == "sqlite":
        made = make_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
        give_schema(made)
    else:
        database: Callable[[], str] = request.getfixturevalue("migrated_postgres")
        made = make_engine(database())
    # Beside the Hotbase's tables in one database, as users of one PostgreSQL may have it.
    migrate(made, WAREHOUSE_MIGRATIONS)
    yield made
    made.dispose()


@pytest.fixture
def store(warehouse_engine: sa.Engine) -> WarehouseStore:
    return WarehouseStore(warehouse_engine)


@pytest.fixture(params=["real", "fake"])
def warehouse(request: pytest.FixtureRequest, store: WarehouseStore) -> Warehouse:
    """The real one on each database, and the fake that others are built on."""
    return FakeWarehouse() if request.param == "fake" else store


def a_truth(label: str, value: bool | None, **changes: object) -> LabelTruth:
    truth = LabelTruth(
        record_id="a" * 32,
        device_id=DEVICE.device_id,
        model_name=FAKE_MODEL.name,
        model_version=FAKE_MODEL.version,
        weights_digest=FAKE_MODEL.weights_digest,
        patient_key="p",
        sop_instance_uid="1.2.3",
        frame_number=None,
        label=label,
        value=value,
        source=TruthSource.EXPERT,
        weight=1.0,
        decided_at=NOW,
        probability=0.75,
        threshold=0.5,
        score=0.5,
        judgement=Judgement.CONFIRMED,
    )
    return replace(truth, **changes)  # type: ignore[arg-type]


def a_record(*truths: LabelTruth, **changes: object) -> WarehouseRecord:
    record = WarehouseRecord(
        record_id="a" * 32,
        study_instance_uid="1.2",
        device=DEVICE,
        patient_key="p",
        modality="DX",
        body_part="CHEST",
        route="chest",
        model=FAKE_MODEL,
        calibration="cr1 v2",
        ai_report_uid="1.2.9",
        verdict_object_uid="1.2.10",
        verification=Verification.VERIFIED,
        reviewers=(
            Reviewer(
                user_name="ada",
                person_name="Expert^Ada",
                organisation="Clinic",
                role=ReviewerRole.VERIFIER,
            ),
        ),
        decided_at=NOW,
        filed_at=NOW + timedelta(seconds=1),
        images=(
            WarehouseImage(
                sop_instance_uid="1.2.3",
                series_instance_uid="1.2.1",
                path="cr1/1.2/1.2.3.dcm",
                archived_path="CR1/20260101/1.2/1.2.1/1.2.3.dcm",
                digest="d",
            ),
        ),
        truths=truths or (a_truth("opacity", True), a_truth("effusion", None, judgement=None)),
        boxes=(
            LabelledBox(
                record_id="a" * 32,
                sop_instance_uid="1.2.3",
                frame_number=None,
                label="opacity",
                box=Region(left=1, top=2, right=3, bottom=4),
                drawn=True,
            ),
        ),
        changes=(
            Change(
                image_uid="1.2.3",
                frame_number=None,
                label="opacity",
                judgement=Judgement.CHANGED,
                by_model="positive",
                by_expert="changed",
                laterality=Laterality.LEFT,
            ),
        ),
        concepts=vocabulary_of(fake_details().findings),
        comment="said",
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def another_record() -> WarehouseRecord:
    device = replace(DEVICE, serial_number="8")
    return a_record(
        a_truth("opacity", False, record_id="b" * 32, device_id=device.device_id),
        record_id="b" * 32,
        device=device,
        decided_at=NOW + timedelta(days=1),
    )


def test_a_record_comes_back_as_it_was_filed(warehouse: Warehouse) -> None:
    record = a_record()
    warehouse.file(record)
    assert warehouse.record(record.record_id) == record
    assert tuple(warehouse.truths()) == record.truths
    with pytest.raises(NotFoundError, match="no record"):
        warehouse.record("f" * 32)


def test_filing_again_changes_nothing(warehouse: Warehouse) -> None:
    warehouse.file(a_record())
    warehouse.file(a_record(comment="other", filed_at=NOW + timedelta(days=9)))
    assert list(warehouse.records()) == [a_record()]
    assert len(list(warehouse.truths())) == 2


def test_records_and_truths_are_found_by_device_model_label_and_time(warehouse: Warehouse) -> None:
    for record in (another_record(), a_record()):
        warehouse.file(record)
    assert [each.record_id[0] for each in warehouse.records()] == ["a", "b"]

    def found(**wanted: object) -> list[str]:
        truths = warehouse.truths(WarehouseFilter(**wanted))  # type: ignore[arg-type]
        return sorted(f"{each.record_id[0]} {each.label}" for each in truths)

    assert found() == ["a effusion", "a opacity", "b opacity"]
    assert found(label="opacity") == ["a opacity", "b opacity"]
    assert found(device_id=DEVICE.device_id) == ["a effusion", "a opacity"]
    assert found(model_name="another") == []
    assert found(model_version=FAKE_MODEL.version, decided_from=NOW + timedelta(days=2)) == []
    assert set(warehouse.devices().values()) == {DEVICE, replace(DEVICE, serial_number="8")}


def test_what_was_filed_for_the_only_frame_of_an_image_is_read_as_the_experts_word(
    warehouse: Warehouse,
) -> None:
    denied = a_truth(
        "nodule",
        False,
        source=TruthSource.PASSED_OVER,
        weight=0.8,
        probability=0.25,
        score=0.125,
        judgement=None,
    )
    added = a_truth(
        "nodule",
        True,
        frame_number=1,
        probability=None,
        threshold=None,
        score=None,
        judgement=Judgement.ADDED,
    )
    opacity = a_truth("opacity", True)
    filed = a_record(opacity, denied, added)
    box = replace(filed.boxes[0], label="nodule", frame_number=1)
    warehouse.file(replace(filed, boxes=(*filed.boxes, box)))
    meant = replace(added, frame_number=None, probability=0.25, threshold=0.5, score=0.125)
    assert tuple(warehouse.truths()) == (opacity, meant)
    assert tuple(warehouse.truths(WarehouseFilter(label="nodule"))) == (meant,)
    (record,) = warehouse.records()
    assert record == warehouse.record(filed.record_id)
    assert record.truths == (opacity, meant)
    assert [each.frame_number for each in record.boxes] == [None, None]
    assert {(each.label, each.positive, each.negative) for each in warehouse.counts()} == {
        ("nodule", 1, 0),
        ("opacity", 1, 0),
    }


def test_frames_that_were_judged_one_by_one_stay(warehouse: Warehouse) -> None:
    third, fifth = (a_truth("opacity", each == 3, frame_number=each) for each in (3, 5))
    added = a_truth("nodule", True, frame_number=1, probability=None, threshold=None, score=None)
    warehouse.file(a_record(third, fifth, added))
    assert tuple(warehouse.truths()) == (third, fifth, added)


def test_an_image_that_is_decided_again_counts_once_with_the_last_word(
    warehouse: Warehouse,
) -> None:
    warehouse.file(a_record(a_truth("opacity", True)))
    later, again = NOW + timedelta(days=1), "b" * 32
    truth = a_truth("opacity", False, record_id=again, decided_at=later)
    warehouse.file(a_record(truth, record_id=again, decided_at=later))
    (count,) = warehouse.counts()
    assert (count.positive, count.negative, count.unsure) == (0, 1, 0)


def test_counts_are_by_device_and_label(warehouse: Warehouse) -> None:
    for record in (a_record(), another_record()):
        warehouse.file(record)
    other = replace(DEVICE, serial_number="8").device_id
    assert set(warehouse.counts()) == {
        LabelCount(device_id=DEVICE.device_id, label="opacity", positive=1, negative=0, unsure=0),
        LabelCount(device_id=DEVICE.device_id, label="effusion", positive=0, negative=0, unsure=1),
        LabelCount(device_id=other, label="opacity", positive=0, negative=1, unsure=0),
    }


def test_the_migrated_schema_is_the_one_in_the_code(warehouse_engine: sa.Engine) -> None:
    current, newest = schema_revision(warehouse_engine, WAREHOUSE_MIGRATIONS)
    assert current == newest
    names = set(WAREHOUSE.tables)
    with warehouse_engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": version_table(WAREHOUSE_MIGRATIONS),
                "include_name": lambda name, kind, _: kind != "table" or name in names,
            },
        )
        assert compare_metadata(context, WAREHOUSE) == []


def test_a_record_taken_back_is_learned_from_no_more_and_kept_aside(store: WarehouseStore) -> None:
    record = a_record()
    store.file(record)
    store.supersede(
        record.record_id, decided_until=record.decided_at, by="ada", why="wrong", at=NOW
    )
    assert (list(store.records()), list(store.truths()), list(store.paths())) == ([], [], [])
    assert store.superseded(record.record_id) == (record,)
    anew = a_record(decided_at=record.decided_at + timedelta(hours=1))
    store.file(anew)
    store.supersede(
        record.record_id, decided_until=record.decided_at, by="ada", why="wrong", at=NOW
    )
    assert list(store.records()) == [anew], "what was decided later stays"


def test_a_later_verdict_on_an_item_takes_the_earlier_ones_place(store: WarehouseStore) -> None:
    record = a_record()
    anew = a_record(decided_at=record.decided_at + timedelta(hours=1))
    store.file(record)
    store.file(anew)
    store.file(record)
    assert list(store.records()) == [anew]
    assert store.superseded(record.record_id) == (record,)
