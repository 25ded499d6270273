"""A report reaches archives that do not take Comprehensive 3D SR, in the best form they take."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import SecondaryCaptureImageStorage

from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.delivery import Delivery, DeliveryState
from dicom_node.domain.evidence import Substitute
from dicom_node.domain.review.review import Judgement
from dicom_node.network.acceptance import NegotiatedAcceptance
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.sender import StorageSender
from dicom_node.persistence.corridor.substitutes import SubstituteStore
from dicom_node.workflow.delivery.fit import Fitting
from sr_templates.forms.form import BASIC_TEXT, COMPREHENSIVE, ENHANCED, PDF, ReportForm
from sr_templates.report_reading import predecessors_of, reported_findings
from tests.integration.sr_templates.validators import dciodvfy_errors, dsrdump_complaints
from tests.peers import dcmtk
from tests.peers.scp import answering_scp
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_review_corridor import concluded, say

pytestmark = pytest.mark.peer

OVERLAY = str(SecondaryCaptureImageStorage)
IMAGE = "1.2.3.1"


class Office:
    """A corridor that delivers over real associations."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.works = Works(engine, folder)
        self.substitutes = SubstituteStore(engine)
        timeouts = ScuTimeouts(connection=5.0, acse=30.0, dimse=30.0, network=30.0)
        acceptance = NegotiatedAcceptance(
            ae_title="AINODE", timeouts=timeouts, address=_address, now=lambda: 0.0
        )
        self.courier = self.works.courier(
            sender=StorageSender(
                ae_title="AINODE",
                timeouts=timeouts,
                path_of=self.works.objects.evidence_path,
                address=_address,
            ),
            fitting=Fitting(
                results=self.works.hotbase,
                deliveries=self.works.deliveries,
                substitutes=self.substitutes,
                archive=self.works.objects,
                acceptance=acceptance,
                clock=self.works.clock,
            ),
        )

    def serve(self, peer: dcmtk.Peer) -> None:
        """Let PACS be this peer."""
        pacs = an_entity(
            "PACS", roles=frozenset({Role.PACS}), host=peer.host, port=peer.port, destinations=()
        )
        self.works.ae_titles.put(pacs, actor="t", at=EPOCH)

    def deliver(self) -> list[Delivery]:
        """Send what is due, and return how each delivery stands."""
        self.courier.round()
        return [
            each
            for job in self.works.hotbase.jobs("1.2.826.0.1.1")
            for each in self.works.deliveries.of_job(job["job_id"])
        ]

    def replaced(self) -> tuple[Substitute, ...]:
        """Return what went to PACS in the place of the study's objects."""
        (job, *_) = self.works.hotbase.jobs("1.2.826.0.1.1")
        return self.substitutes.of_study(job["job_id"], "PACS")


def _address(entity: ApplicationEntity) -> Destination:
    return Destination(ae_title="STORESCP", host=entity.host, port=entity.port)


@pytest.fixture
def office(engine: sa.Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path / "node")


@contextmanager
def strict_pacs(folder: Path, *sop_classes: str) -> Iterator[dcmtk.StoreScp]:
    folder.mkdir()
    with dcmtk.storescp(folder, options=dcmtk.only_classes(folder, sop_classes)) as pacs:
        yield pacs


def report_in(pacs: dcmtk.StoreScp) -> tuple[Dataset, Path]:
    (found,) = [
        (dataset, path)
        for path in pacs.files()
        if (dataset := dcmread(path)).SOPClassUID != OVERLAY
    ]
    return found


@pytest.mark.parametrize(
    ("taken", "form"),
    [
        ((COMPREHENSIVE, ENHANCED, BASIC_TEXT), COMPREHENSIVE),
        ((ENHANCED, BASIC_TEXT, PDF), ENHANCED),
        ((BASIC_TEXT, PDF), BASIC_TEXT),
        ((PDF,), PDF),
    ],
    ids=lambda each: getattr(each, "name", None),
)
def test_the_best_form_that_a_pacs_takes_reaches_it_with_the_overlay(
    office: Office, tmp_path: Path, taken: tuple[ReportForm, ...], form: ReportForm
) -> None:
    office.works.receive(IMAGE)
    with strict_pacs(tmp_path / "pacs", OVERLAY, *(each.sop_class_uid for each in taken)) as pacs:
        office.serve(pacs.peer)
        office.works.analyse()
        (delivery,) = office.deliver()
        arrived, path = report_in(pacs)
        assert len(pacs.files()) == 2
    assert delivery.state is DeliveryState.DELIVERED
    assert arrived.SOPClassUID == form.sop_class_uid
    assert dciodvfy_errors(path) == []
    assert form is PDF or dsrdump_complaints(path) == []
    (report,) = office.works.reports()
    if form in (COMPREHENSIVE, ENHANCED):
        assert reported_findings(arrived) == reported_findings(report)


def test_it_is_told_what_was_sent_instead_and_what_that_lacks(
    office: Office, tmp_path: Path
) -> None:
    office.works.receive(IMAGE)
    with strict_pacs(tmp_path / "pacs", OVERLAY, COMPREHENSIVE.sop_class_uid) as pacs:
        office.serve(pacs.peer)
        office.works.analyse()
        office.deliver()
        arrived, _ = report_in(pacs)
    (report,) = office.works.reports()
    (told,) = office.replaced()
    assert told.sop_instance_uid == report.SOPInstanceUID
    assert told.sent_instance_uid == arrived.SOPInstanceUID != report.SOPInstanceUID
    assert told.reason == (
        "PACS takes no Comprehensive 3D SR; sent as Comprehensive SR: nothing is lost"
    )


def test_a_late_images_report_names_the_predecessor_that_the_pacs_has(
    office: Office, tmp_path: Path
) -> None:
    office.works.receive(IMAGE)
    with strict_pacs(tmp_path / "pacs", OVERLAY, COMPREHENSIVE.sop_class_uid) as pacs:
        office.serve(pacs.peer)
        office.works.analyse("first")
        office.deliver()
        before, _ = report_in(pacs)
        office.works.clock.advance(60)
        office.works.receive("1.2.3.2")
        office.works.analyse("second")
        office.deliver()
        after = [
            each
            for each in map(dcmread, pacs.files())
            if each.SOPClassUID != OVERLAY and each.SOPInstanceUID != before.SOPInstanceUID
        ]
    (successor,) = after
    assert predecessors_of(successor) == (before.SOPInstanceUID,)
    assert successor.SeriesInstanceUID == before.SeriesInstanceUID


def test_a_verdict_that_leaves_first_names_the_result_as_it_will_come(
    office: Office, tmp_path: Path
) -> None:
    office.works.receive(IMAGE, BodyPartExamined="CHEST", Manufacturer="Maker")
    office.works.analyse()
    (result,) = office.works.waiting()
    later = EPOCH + timedelta(seconds=60)
    retrying = DeliveryState.RETRYING
    office.works.deliveries.move(result.delivery_id, retrying, at=EPOCH, not_before=later)
    with strict_pacs(tmp_path / "pacs", OVERLAY, COMPREHENSIVE.sop_class_uid) as pacs:
        office.serve(pacs.peer)
        concluded(office.works, say(Judgement.CONFIRMED))
        office.deliver()
        verdict, _ = report_in(pacs)
        office.works.clock.advance(60)
        office.deliver()
        reports = {
            each.SOPInstanceUID
            for each in map(dcmread, pacs.files())
            if each.SOPClassUID == COMPREHENSIVE.sop_class_uid
        }
    assert verdict.SOPClassUID == COMPREHENSIVE.sop_class_uid
    assert set(predecessors_of(verdict)) <= reports
    assert len(reports) == 2


def test_what_comes_back_is_known_as_the_nodes_own(office: Office, tmp_path: Path) -> None:
    office.works.receive(IMAGE)
    with strict_pacs(tmp_path / "pacs", OVERLAY, ENHANCED.sop_class_uid) as pacs:
        office.serve(pacs.peer)
        office.works.analyse()
        office.deliver()
        arrived, _ = report_in(pacs)
    (job,) = office.works.hotbase.jobs("1.2.826.0.1.1")
    assert office.works.hotbase.own_objects([arrived.SOPInstanceUID]) == {
        arrived.SOPInstanceUID: job["job_id"]
    }


def test_a_class_that_is_accepted_and_then_refused_gives_way_to_the_next(
    office: Office,
) -> None:
    office.works.receive(IMAGE)
    with answering_scp([0x0122, 0x0122, 0x0000], ae_title="STORESCP") as pacs:
        office.serve(pacs.peer)
        office.works.analyse()
        (delivery,) = office.deliver()
    assert delivery.state is DeliveryState.DELIVERED
    assert delivery.attempts == 2, "once in each form"


def test_a_pacs_that_takes_no_report_at_all_is_told_of_as_such(
    office: Office, tmp_path: Path
) -> None:
    office.works.receive(IMAGE)
    with strict_pacs(tmp_path / "pacs", OVERLAY) as pacs:
        office.serve(pacs.peer)
        office.works.analyse()
        (delivery,) = office.deliver()
    assert delivery.state is DeliveryState.FAILED
    assert "no presentation context accepted" in delivery.last_error
    assert office.replaced() == ()
