"""One table says all of each kind of evidence; what builds and checks it says just that."""

from typing import Any
from unittest.mock import sentinel

import pytest

from dicom_node.persistence.corridor.tables import EVIDENCE as EVIDENCE_TABLE
from dicom_node.persistence.corridor.tables import LEFT_OUT
from dicom_node.workflow.analysis.evidence_builders import (
    builders_of_bones,
    builders_of_ct,
    builders_of_radiograph,
    builders_of_study,
)
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind, EvidenceSubject, kinds_of
from sr_templates.validation import TYPE_1_BY_CLASS

ANY: Any = sentinel.unused
BUILDERS = {
    EvidenceSubject.RADIOGRAPH: builders_of_radiograph(
        ANY, ANY, ANY, ANY, value_range=(0, 1), lungs=lambda: None
    ),
    EvidenceSubject.STUDY: builders_of_study(ANY, ANY, ANY),
    EvidenceSubject.CT: builders_of_ct(ANY, ANY, ANY, ANY),
    EvidenceSubject.BONES: builders_of_bones(ANY, ANY, ANY, ANY),
}


def test_every_kind_has_a_spec_of_its_own() -> None:
    assert set(EVIDENCE) == set(EvidenceKind)
    assert all(spec.kind is kind for kind, spec in EVIDENCE.items())


@pytest.mark.parametrize("subject", BUILDERS, ids=lambda each: each.name.lower())
def test_what_is_made_of_a_subject_is_what_the_specs_say(subject: EvidenceSubject) -> None:
    """The report is built last and apart, because it lists the others."""
    assert BUILDERS[subject].keys() == kinds_of(subject) - {EvidenceKind.SR}


def test_every_kind_is_made_of_something() -> None:
    assert all(spec.subjects for spec in EVIDENCE.values())


def test_no_two_kinds_share_a_series_number() -> None:
    offsets = [spec.series_offset for spec in EVIDENCE.values()]
    assert len(set(offsets)) == len(offsets)


def test_the_gate_knows_every_sop_class() -> None:
    classes = {each for spec in EVIDENCE.values() for each in spec.sop_classes}
    assert classes == TYPE_1_BY_CLASS.keys()


@pytest.mark.parametrize("table", [EVIDENCE_TABLE, LEFT_OUT], ids=lambda each: each.name)
def test_the_database_has_room_for_every_name(table: Any) -> None:
    assert max(len(kind) for kind in EvidenceKind) <= table.c.kind.type.length
