"""What is drawn and written beside the building of a report is what it is one after the other."""

import threading
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import sqlalchemy as sa
from pydicom import Dataset, dcmread

from dicom_node.archive.objects import DicomObjects
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.reception import OutOfSpaceError
from dicom_node.workflow.analysis.evidence_order import EvidenceOrder, MadeEvidence
from dicom_node.workflow.analysis.make_evidence import EvidenceMaking
from dicom_node.workflow.ports import ObjectArchive
from sr_templates.evidence_kind import EvidenceKind, EvidenceSubject, kinds_of
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import Works

_EVERY_KIND = kinds_of(EvidenceSubject.RADIOGRAPH) | {EvidenceKind.SR}


class Ordered:
    """A maker that keeps what it was asked for."""

    def __init__(self, maker: EvidenceMaking) -> None:
        self._maker = maker
        self.orders: list[EvidenceOrder] = []

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Make it, one thing after the other."""
        self.orders.append(order)
        return self._maker.make(order)


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    made.ae_titles.put(an_entity("PACS"), actor="t", at=EPOCH)
    return made


def ordered(works: Works, *, images: int = 1) -> EvidenceOrder:
    """Return the order of a study of so many images."""
    maker = Ordered(EvidenceMaking(archive=works.objects, images=works.models))
    works.corridor.reporting._maker = maker
    for number in range(images):
        works.receive(
            f"1.2.3.{number + 1}", PatientName="Жук^Анна", SpecificCharacterSet="ISO_IR 144"
        )
    works.analyse()
    (order,) = maker.orders
    return order


def archive(works: Works, folder: Path) -> DicomObjects:
    evidence = StorageArchive(ArchiveSettings(root=folder, durable=False))
    evidence.open()
    return DicomObjects(
        received=works.received, evidence=evidence, clock=works.clock, ae_title="AINODE"
    )


def made(works: Works, order: EvidenceOrder, folder: Path, *, haste: bool) -> MadeEvidence:
    maker = EvidenceMaking(archive=archive(works, folder), images=works.models)
    return maker.make(order, haste=haste)


@pytest.mark.parametrize("images", [1, 2])
@pytest.mark.parametrize("wanted", [frozenset({EvidenceKind.SC}), _EVERY_KIND], ids=["sc", "all"])
def test_every_byte_and_the_order_of_results_are_the_same(
    works: Works, tmp_path: Path, wanted: frozenset[EvidenceKind], images: int
) -> None:
    order = replace(ordered(works, images=images), wanted=wanted)
    simple = made(works, order, tmp_path / "simple", haste=False)
    fast = made(works, order, tmp_path / "fast", haste=True)
    assert fast == simple
    assert fast.evidence[0].kind is EvidenceKind.SR
    for each in simple.evidence:
        kept = (tmp_path / "fast" / each.path).read_bytes()
        assert kept == (tmp_path / "simple" / each.path).read_bytes()


def test_a_report_lists_no_overlay_that_the_gate_holds(
    works: Works, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = ordered(works)

    def failing(dataset: Dataset, _sources: object = ()) -> tuple[str, ...]:
        return ("no overlay today",) if dataset.Modality == "OT" else ()

    monkeypatch.setattr("dicom_node.workflow.analysis.keeping.problems", failing)
    for haste in (False, True):
        folder = tmp_path / str(haste)
        report, overlay = made(works, order, folder, haste=haste).evidence
        assert (report.is_held, overlay.is_held) == (False, True)
        said = dcmread(folder / report.path)
        listed = {
            str(one.ReferencedSOPInstanceUID)
            for study in said.CurrentRequestedProcedureEvidenceSequence
            for series in study.ReferencedSeriesSequence
            for one in series.ReferencedSOPSequence
        }
        assert overlay.sop_instance_uid not in listed


class Full:
    """An archive in which nothing has room."""

    def __init__(self, objects: DicomObjects) -> None:
        self._objects = objects

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)

    def keep_encoded(self, _part10: bytes) -> str:
        """Refuse it."""
        raise OutOfSpaceError("the disk is full")


@pytest.mark.parametrize("haste", [False, True])
def test_what_cannot_be_written_beside_is_an_error_of_the_whole(
    works: Works, tmp_path: Path, haste: bool
) -> None:
    order = ordered(works)
    full = cast("ObjectArchive", Full(archive(works, tmp_path / "full")))
    before = threading.active_count()
    with pytest.raises(OutOfSpaceError):
        EvidenceMaking(archive=full, images=works.models).make(order, haste=haste)
    assert threading.active_count() == before, "no thread outlives its job"
