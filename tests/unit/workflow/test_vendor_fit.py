"""Objects that somebody else's program made go as they are, whatever a destination takes."""

import pytest
from pydicom.uid import (
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    SegmentationStorage,
)

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.workflow.delivery.fit import _forms, _Place
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import an_entity

TAKES = frozenset({SegmentationStorage, BasicTextSRStorage})


def an_object(kind: EvidenceKind, sop_class: str) -> EvidenceObject:
    return EvidenceObject(
        sop_instance_uid="2.25.1",
        sop_class_uid=sop_class,
        series_instance_uid="2.25.2",
        kind=kind,
        job_id="job",
        path="x",
    )


@pytest.mark.parametrize("sop_class", [ComprehensiveSRStorage, Comprehensive3DSRStorage])
def test_a_programs_report_has_no_other_form(sop_class: str) -> None:
    place = _Place(destination=an_entity("PACS"), accepted=TAKES, sent={}, drawn={})
    assert _forms(an_object(EvidenceKind.VENDOR, sop_class), place) == ()


def test_the_nodes_own_report_has() -> None:
    place = _Place(destination=an_entity("PACS"), accepted=TAKES, sent={}, drawn={})
    own = _forms(an_object(EvidenceKind.SR, Comprehensive3DSRStorage), place)
    assert [each.sop_class_uid for each in own] == [BasicTextSRStorage]
