"""What a peer should get follows from what it takes."""

from dataclasses import replace

import pytest

from dicom_node.domain.application_entity import Proof, Role
from dicom_node.domain.peer_profile import (
    PeerProfile,
    PeerService,
    proposed_evidence,
    proposed_proof,
)
from dicom_node.network.probe import SERVICES, storage_proposals
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.forms.form import BASIC_TEXT, COMPREHENSIVE, COMPREHENSIVE_3D, PDF
from tests.unit.builders import an_entity

OVERLAY = EVIDENCE[EvidenceKind.SC].sop_classes[0]
OUTLINES = EVIDENCE[EvidenceKind.PR].sop_classes[0]
PLAIN = ("1.2.840.10008.1.2.1", "1.2.840.10008.1.2")


def a_profile(*classes: str) -> PeerProfile:
    return PeerProfile(
        implementation_class_uid="1.2.3",
        implementation_version_name="STRICT",
        largest_pdu=16384,
        services=frozenset({PeerService.VERIFICATION}),
        storage=dict.fromkeys(classes, PLAIN),
        echo_seconds=0.001,
    )


@pytest.mark.parametrize(
    ("classes", "evidence", "words"),
    [
        ((COMPREHENSIVE_3D.sop_class_uid, OVERLAY), "sr,sc", ""),
        ((COMPREHENSIVE.sop_class_uid, OVERLAY), "sr,sc", "sr goes as Comprehensive SR"),
        ((BASIC_TEXT.sop_class_uid, OVERLAY), "sr,sc", "sr goes as Basic Text SR"),
        ((BASIC_TEXT.sop_class_uid, PDF.sop_class_uid, OVERLAY), "sr,sc,pdf", "pdf is added"),
        ((COMPREHENSIVE_3D.sop_class_uid,), "sr", "sc is left out"),
        ((COMPREHENSIVE_3D.sop_class_uid, OUTLINES), "sr,pr", "pr is added"),
        ((OVERLAY,), "sc,soft,bone", "sr is left out"),
        ((), "", "sr is left out"),
    ],
)
def test_a_peer_gets_what_it_takes_and_what_makes_up_for_the_rest(
    classes: tuple[str, ...], evidence: str, words: str
) -> None:
    entity = an_entity("PACS", evidence=(EvidenceKind.SR, EvidenceKind.SC))
    proposal = proposed_evidence(entity, a_profile(*classes))
    wanted = [each for each in evidence.split(",") if each not in ("soft", "bone", "")]
    assert [each.value for each in proposal.evidence] == wanted
    assert words in " ".join(proposal.reasons)


@pytest.mark.parametrize(
    ("role", "services", "proof"),
    [
        (Role.PACS, {PeerService.COMMITMENT, PeerService.STUDY_ROOT_FIND}, Proof.COMMITMENT),
        (Role.PACS, {PeerService.STUDY_ROOT_FIND}, Proof.FIND),
        (Role.PACS, {PeerService.PATIENT_ROOT_FIND}, Proof.NONE),
        (Role.PACS, set(), Proof.NONE),
        # Its results would be refused: it may not open associations for them.
        (Role.QUERY, {PeerService.COMMITMENT, PeerService.STUDY_ROOT_FIND}, Proof.FIND),
    ],
)
def test_a_peer_shows_that_it_keeps_results_in_the_best_way_that_it_offers(
    role: Role, services: set[PeerService], proof: Proof
) -> None:
    profile = replace(a_profile(), services=frozenset(services))
    assert proposed_proof(an_entity("PACS", roles=frozenset({role})), profile) is proof


def test_one_association_asks_for_everything() -> None:
    assert len(list(storage_proposals())) <= 128
    assert set(SERVICES.values()) == set(PeerService)
