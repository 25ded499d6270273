"""Images go when nothing is left to be done with their study, and not before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.audit.message import AuditMessage
from dicom_node.audit.trail import Record, unrecorded
from dicom_node.domain.commitment import CommitmentRequest, Reference
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.evidence import EvidenceObject, Substitute
from dicom_node.domain.job import JobState
from dicom_node.domain.retention import RetentionRule
from dicom_node.domain.study import StudyState
from dicom_node.node.retention import Retention, orphans
from dicom_node.persistence.corridor.attributes import AttributeStore
from dicom_node.persistence.corridor.commitment_requests import CommitmentRequestStore
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.erasure import ErasureStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.retention import RetentionStore
from dicom_node.persistence.corridor.substitutes import SubstituteStore
from dicom_node.persistence.corridor.tables import DELIVERIES, JOBS
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.testing.review_fakes import fake_details
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, a_described_instance, an_instance
from tests.unit.persistence.test_hotbase import JOB

LATER = EPOCH + timedelta(days=40)
AGE = RetentionRule(
    longest=timedelta(days=30), high_water=None, low_water=0.0, shortest=timedelta(days=2)
)
REPORT = EvidenceObject(
    sop_instance_uid="9.1",
    sop_class_uid="9.2",
    series_instance_uid="9.3",
    kind=EvidenceKind.SR,
    job_id=JOB.job_id,
    path="report.dcm",
    problems=(),
)


OVERLAY = replace(REPORT, sop_instance_uid="9.4", kind=EvidenceKind.SC, path="overlay.dcm")
RESULTS = replace(AGE, results_longest=timedelta(days=35))
PATIENT = "4711"


class House:
    """An archive with an index, whose studies are settled as they come."""

    def __init__(self, engine: sa.Engine, root: Path) -> None:
        self.engine = engine
        self.index, self.hotbase = StudyIndex(engine), Hotbase(engine)
        self.store = RetentionStore(engine, folder="archive", results="evidence")
        self.archive = StorageArchive(ArchiveSettings(root=root, durable=False, min_free_bytes=0))
        self.archive.open()
        self.evidence = StorageArchive(
            ArchiveSettings(root=root.parent / "evidence", durable=False, min_free_bytes=0)
        )
        self.used = 0

    def receive(self, study: str, *, days: float = 0, images: int = 1) -> list[Path]:
        paths = []
        for number in range(images):
            uid = f"{study}.1.{number + 1}"
            path = f"CR1/20260101/{study}/{study}.1/{uid}.dcm"
            instance = an_instance(
                uid,
                study_instance_uid=study,
                series_instance_uid=f"{study}.1",
                path=path,
                received_at=EPOCH + timedelta(days=days),
            )
            file = self.archive.path(path)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"image")
            self.index.record([instance])
            paths.append(file)
        return paths

    def finish(self, study: str, state: StudyState = StudyState.ANALYSED) -> None:
        claimed = self.index.claim(study, by="workflow", at=EPOCH)
        assert claimed is not None
        self.index.finish(claimed, state)

    def settle(self, study: str, **received: float) -> list[Path]:
        """Receive, analyse and deliver a study."""
        paths = self.receive(study, days=received.get("days", 0), images=2)
        job = replace(JOB, job_id=study.ljust(32, "x"), study_instance_uid=study)
        self.hotbase.add_job(job, at=EPOCH)
        self.hotbase.finish_job(job.job_id, JobState.DONE, at=EPOCH)
        self.hotbase.keep_evidence(
            [replace(REPORT, job_id=job.job_id, sop_instance_uid=f"{study}.9")]
        )
        with self.engine.begin() as connection:
            connection.execute(
                sa.insert(DELIVERIES).values(
                    delivery_id=f"{study}-PACS",
                    job_id=job.job_id,
                    destination="PACS",
                    state=DeliveryState.DELIVERED,
                    attempts=1,
                    created_at=EPOCH,
                    delivered_at=EPOCH,
                    last_error="",
                )
            )
        self.finish(study)
        return paths

    def draw(self, study: str, **delivered: bool) -> list[Path]:
        """Settle a study that has an overlay too, and what a destination got in its place."""
        self.settle(study)
        job = study.ljust(32, "x")
        report, overlay = f"{study}.9", f"{study}.10"
        self.hotbase.keep_evidence(
            [replace(OVERLAY, job_id=job, sop_instance_uid=overlay, path=f"{study}/overlay.dcm")]
        )
        SubstituteStore(self.engine).keep(
            [
                Substitute(
                    destination="PACS",
                    sop_instance_uid=overlay,
                    job_id=job,
                    sent_instance_uid=f"{study}.11",
                    sent_class_uid="9.2",
                    sent_series_uid="9.3",
                    path=f"{study}/other.dcm",
                    reason="",
                    made_at=EPOCH,
                )
            ]
        )
        if delivered.get("delivered", True):
            _update(self, DELIVERIES, stored=[report, overlay])
        files = [self.evidence.path(f"{study}/{name}.dcm") for name in ("overlay", "other")]
        for each in files:
            each.parent.mkdir(parents=True, exist_ok=True)
            each.write_bytes(b"result")
        return files

    def made(self, study: str) -> dict[EvidenceKind, EvidenceObject]:
        return {each.kind: each for each in self.hotbase.evidence(study.ljust(32, "x"))}

    def retention(
        self, rule: RetentionRule = AGE, record: Record = unrecorded, user: str = "retention"
    ) -> Retention:
        return Retention(
            self.store,
            data=self.archive.root.parent,
            result_path=self.evidence.path,
            rule=rule,
            clock=lambda: LATER,
            disk=lambda _: (10_000, self.used),
            record=record,
            user=user,
        )


@pytest.fixture
def house(engine: sa.Engine, tmp_path: Path) -> House:
    return House(engine, tmp_path / "archive")


def test_images_of_a_settled_study_go_after_their_time_and_its_results_stay(house: House) -> None:
    old, young = house.settle("1.1"), house.settle("1.2", days=20)

    removed = house.retention().run()

    assert [each.study_instance_uid for each in removed.by_age] == ["1.1"]
    assert (removed.instances, removed.size) == (2, 2000)
    assert not any(path.exists() for path in old)
    assert not old[0].parents[1].exists()
    assert all(path.exists() for path in young)
    record = house.index.study("1.1")
    assert (record.state, record.instance_count) == (StudyState.ANALYSED, 0)
    assert record.reason == "images removed by age on 2026-02-10"
    assert len(house.hotbase.evidence("1.1".ljust(32, "x"))) == 1
    assert house.retention().run().instances == 0


def _pending_delivery(house: House) -> None:
    _update(house, DELIVERIES, state=DeliveryState.RETRYING)


def _given_up_delivery(house: House) -> None:
    _update(house, DELIVERIES, state=DeliveryState.FAILED)


def _unfinished_job(house: House) -> None:
    _update(house, JOBS, state=JobState.PENDING)


def _failed_job(house: House) -> None:
    _update(house, JOBS, state=JobState.FAILED)


def _held_back(house: House) -> None:
    job = "1.1".ljust(32, "x")
    held = replace(REPORT, job_id=job, sop_instance_uid="9.9", problems=("a value is missing",))
    house.hotbase.keep_evidence([held])


def _asked(house: House) -> None:
    details = fake_details()
    item = replace(details.item, study_instance_uid="1.1")
    queue = HotbaseReviewQueue(
        house.engine,
        images=lambda _: (),
        clock=lambda: EPOCH,
        lease=timedelta(minutes=1),
        on_decided=lambda _: None,
    )
    queue.add(item, details.findings)


def _commitment(house: House) -> None:
    wanted = Reference(sop_class_uid="1.2", sop_instance_uid="1.1.1.1")
    CommitmentRequestStore(house.engine).record(
        CommitmentRequest(transaction_uid="7.1", references=(wanted,)), requestor="CR1", at=EPOCH
    )


def _late_image(house: House) -> None:
    house.receive("1.1", images=3)


def _update(house: House, table: sa.Table, **values: object) -> None:
    with house.engine.begin() as connection:
        connection.execute(sa.update(table).values(**values))


@pytest.mark.parametrize(
    "unsettle",
    [
        _pending_delivery,
        _given_up_delivery,
        _unfinished_job,
        _failed_job,
        _held_back,
        _asked,
        _late_image,
        _commitment,
    ],
)
def test_images_stay_while_something_is_left_to_be_done(
    house: House, unsettle: Callable[[House], None]
) -> None:
    paths = house.settle("1.1")
    unsettle(house)

    assert house.retention().run().instances == 0
    assert all(path.exists() for path in paths)


def test_images_go_once_whoever_asked_for_a_commitment_was_told(house: House) -> None:
    house.settle("1.1")
    _commitment(house)
    CommitmentRequestStore(house.engine).told("7.1", failed=0, at=EPOCH)

    assert house.retention().run().instances == 2


@pytest.mark.parametrize("state", [StudyState.NOT_ROUTED, StudyState.FAILED])
def test_a_failed_study_waits_for_somebody_and_one_without_a_route_does_not(
    house: House, state: StudyState
) -> None:
    (path,) = house.receive("1.1")
    house.finish("1.1", state)

    house.retention().run()

    assert path.exists() is (state is StudyState.FAILED)


def test_a_study_that_changed_after_it_was_looked_at_keeps_its_images(house: House) -> None:
    house.settle("1.1")
    (study,) = house.store.settled(LATER)
    house.receive("1.1", images=3, days=1)

    assert not house.store.forget_images(study, at=LATER, why="images removed by age")
    assert house.index.study("1.1").instance_count == 3


@pytest.mark.slow
def test_the_oldest_go_first_where_the_disk_fills_and_only_as_many_as_it_takes(
    house: House,
) -> None:
    for number in range(1, 5):
        house.settle(f"1.{number}", days=number)
    house.settle("1.9", days=39)
    rule = replace(AGE, longest=None, high_water=0.8, low_water=0.5)
    house.used = 8_000
    assert house.retention(rule).run().instances == 0

    house.used = 8_500
    removed = house.retention(rule).run()

    # 8,500 of 10,000 bytes are used; each study frees 2,000.
    assert [each.study_instance_uid for each in removed.for_room] == ["1.1", "1.2"]


def test_however_full_the_disk_is_images_stay_for_some_days(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.settle("1.1", days=39)
    house.used = 9_999

    removed = house.retention(replace(AGE, longest=None, high_water=0.8, low_water=0.5)).run()

    assert removed.instances == 0
    assert "nothing more may go" in caplog.text


@pytest.mark.slow
def test_a_dry_run_names_what_would_go_and_removes_nothing(house: House) -> None:
    paths = house.settle("1.1")

    assert house.retention().run(dry=True).instances == 2
    assert all(path.exists() for path in paths)
    assert house.index.study("1.1").instance_count == 2


def test_files_of_a_run_that_broke_off_go_with_the_next(house: House) -> None:
    paths = house.settle("1.1")
    (study,) = house.store.settled(LATER)
    assert house.store.forget_images(study, at=LATER, why="images removed by age")
    assert all(path.exists() for path in paths)

    house.retention().run()

    assert not any(path.exists() for path in paths)
    assert house.store.removals() == ()


def test_what_came_again_under_the_same_name_is_not_removed_with_what_went(house: House) -> None:
    house.settle("1.1")
    (study,) = house.store.settled(LATER)
    assert house.store.forget_images(study, at=LATER, why="images removed by age")
    (again,) = house.receive("1.1", days=40)

    house.retention().run()

    assert again.exists()
    assert house.store.removals() == ()


def test_images_that_come_again_are_new(house: House) -> None:
    house.settle("1.1")
    house.retention().run()

    (path,) = house.receive("1.1", days=40)

    assert house.index.study("1.1").state is StudyState.RECEIVING
    assert house.index.study("1.1").instance_count == 1
    assert path.exists()


def test_results_that_no_row_names_are_found_once_they_are_old(house: House) -> None:
    named = house.receive("1.1")[0].relative_to(house.archive.root)
    lost = house.archive.root / "AINODE" / "20260101" / "lost.dcm"
    lost.parent.mkdir(parents=True)
    lost.write_bytes(b"result")

    found = orphans(house.archive, [str(named)], before=LATER + timedelta(days=36500))

    assert found == (("AINODE/20260101/lost.dcm", 6),)
    assert orphans(house.archive, [str(named)], before=EPOCH) == ()


@pytest.mark.slow
def test_results_go_after_their_images_and_reports_stay(house: House) -> None:
    files = house.draw("1.1")
    said: list[AuditMessage] = []

    removed = house.retention(RESULTS, said.append, "otto").run()

    assert [
        (each.study_instance_uid, each.results, each.size) for each in removed.results_by_age
    ] == [("1.1", 2, 12)]
    assert not any(each.exists() for each in files)
    made = house.made("1.1")
    assert made[EvidenceKind.SC].is_removed
    assert not made[EvidenceKind.SR].is_removed
    assert list(house.hotbase.evidence_paths()) == ["report.dcm"]
    assert AttributeStore(house.engine).count() == 1, "only the report is to be described"
    assert house.index.study("1.1").reason == (
        "images removed by age on 2026-02-10; results removed by age on 2026-02-10"
    )
    assert [each.participants[0].user_id for each in said] == ["otto", "otto"]
    assert not house.retention(RESULTS).run().size


def test_results_of_a_study_with_images_stay(house: House) -> None:
    files = house.draw("1.1")
    rule = replace(RESULTS, longest=None, high_water=0.9, low_water=0.8)

    assert not house.retention(rule).run().results
    assert all(each.exists() for each in files)
    named = set(house.hotbase.evidence_paths())
    assert named == {"report.dcm", "1.1/overlay.dcm", "1.1/other.dcm"}, "nothing is an orphan"


def test_results_stay_whose_report_no_destination_has(house: House) -> None:
    files = house.draw("1.1", delivered=False)

    removed = house.retention(RESULTS).run()

    assert (removed.results, removed.only_here) == (0, {"1.1"})
    assert all(each.exists() for each in files)


@pytest.mark.slow
def test_results_go_for_room_where_images_are_not_enough(house: House) -> None:
    files = house.draw("1.1")
    rule = replace(
        RESULTS,
        longest=None,
        results_longest=timedelta(days=3650),
        high_water=0.8,
        low_water=0.65,
    )
    house.used = 8_500

    removed = house.retention(rule).run()
    assert [each.study_instance_uid for each in removed.for_room] == ["1.1"]
    assert not removed.results, "2,000 bytes were enough"

    house.used = 8_500
    assert house.retention(rule).run().results == 2
    assert not any(each.exists() for each in files)


def test_results_of_a_study_that_is_unsettled_again_stay(house: House) -> None:
    files = house.draw("1.1")
    house.retention().run()
    (found,) = house.store.settled_results(LATER)
    _pending_delivery(house)

    assert not house.store.forget_results(found, at=LATER, why="results removed by age")
    assert all(each.exists() for each in files)


def test_what_is_sent_again_is_what_is_here_still(house: House) -> None:
    house.draw("1.1")
    house.retention(RESULTS).run()
    deliveries = DeliveryStore(house.engine)

    deliveries.resend("1.1".ljust(32, "x"))

    (delivery,) = deliveries.of_job("1.1".ljust(32, "x"))
    assert delivery.state is DeliveryState.PENDING
    assert delivery.stored == ("1.1.10",), "the overlay is there, and here no more"


def test_whose_a_study_is_stays_known_for_erasure_after_everything_has_gone(
    house: House,
) -> None:
    image = a_described_instance("1.1.1.1", study="1.1", series="1.1.1", PatientID=PATIENT)
    house.index.record([image])
    house.finish("1.1", StudyState.NOT_ROUTED)
    erasure = ErasureStore(house.engine)
    assert erasure.of_patient(PATIENT) == ("1.1",)

    assert house.retention().run().instances == 1

    assert erasure.of_patient(PATIENT) == ("1.1",)
    erasure.erase("1.1", (), actor="otto", why="asked", at=LATER)
    assert erasure.of_patient(PATIENT) == ()
