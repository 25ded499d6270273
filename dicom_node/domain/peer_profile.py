"""What a peer was found to take and to offer, and the evidence that it should get by that."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from dicom_node.domain.application_entity import (
    ADMINISTERED_EVIDENCE,
    ApplicationEntity,
    Operation,
    Proof,
)
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.forms.form import BASIC_TEXT, COMPREHENSIVE_3D, FORM_OF, PDF, ReportForm

_WORDS_ONLY = (BASIC_TEXT, PDF)


class PeerService(StrEnum):
    """A service that a peer may offer, by the name of its SOP Class in short."""

    VERIFICATION = "verification"
    COMMITMENT = "storage commitment"
    PATIENT_ROOT_FIND = "patient root find"
    PATIENT_ROOT_MOVE = "patient root move"
    PATIENT_ROOT_GET = "patient root get"
    STUDY_ROOT_FIND = "study root find"
    STUDY_ROOT_MOVE = "study root move"
    STUDY_ROOT_GET = "study root get"
    MODALITY_WORKLIST = "modality worklist"
    UPS_PUSH = "ups push"
    MPPS = "mpps"
    AVAILABILITY = "instance availability"


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerProfile:
    """What a peer answered.

    ``storage`` are the transfer syntaxes that it takes by SOP Class, best first; one that it does
    not take is left out. ``largest_pdu`` is in bytes, 0 for no limit.
    """

    implementation_class_uid: str
    implementation_version_name: str
    largest_pdu: int
    services: frozenset[PeerService]
    storage: Mapping[str, tuple[str, ...]]
    echo_seconds: float | None

    def takes(self, kind: EvidenceKind) -> str | None:
        """Return the best SOP Class that carries a kind and that the peer takes, or None."""
        return next((each for each in EVIDENCE[kind].sop_classes if each in self.storage), None)

    @property
    def report_form(self) -> ReportForm | None:
        """The form in which reports reach the peer."""
        taken = self.takes(EvidenceKind.SR)
        return FORM_OF[taken] if taken is not None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """Which evidence a peer should get, and why it is that, in sentences."""

    evidence: tuple[EvidenceKind, ...]
    reasons: tuple[str, ...]


def proposed_evidence(entity: ApplicationEntity, profile: PeerProfile) -> Proposal:
    """Propose what an entity should get: what it gets today and takes, and what makes up for more.

    Something is added only where something wanted is not taken as it should be: outlines for
    overlays, and printed reports beside ones that have words alone.
    """
    taken = [kind for kind in ADMINISTERED_EVIDENCE if profile.takes(kind) is not None]
    wanted = [kind for kind in entity.evidence if kind in taken]
    reasons = [
        f"{kind.value} is left out: {entity.title} takes none of its SOP classes"
        for kind in entity.evidence
        if kind not in taken
    ]
    form = profile.report_form
    if EvidenceKind.SR in wanted and form is not None and form is not COMPREHENSIVE_3D:
        reasons.append(f"sr goes as {form.name}: {entity.title} takes no better one")
    if EvidenceKind.SR in wanted and form in _WORDS_ONLY:
        _make_up(EvidenceKind.PDF, "its reports are words alone", taken, wanted, reasons)
    if EvidenceKind.SC in entity.evidence and EvidenceKind.SC not in taken:
        why = "it shows outlines where overlays are not taken"
        _make_up(EvidenceKind.PR, why, taken, wanted, reasons)
    if more := [kind.value for kind in taken if kind not in wanted]:
        reasons.append(f"{entity.title} would also take {', '.join(more)}")
    return Proposal(evidence=tuple(wanted), reasons=tuple(reasons))


def proposed_proof(entity: ApplicationEntity, profile: PeerProfile) -> Proof:
    """Propose how a peer shows that it has what it was sent: the best way that it offers."""
    if PeerService.COMMITMENT in profile.services and Operation.COMMIT in entity.permitted:
        return Proof.COMMITMENT
    if PeerService.STUDY_ROOT_FIND in profile.services:
        return Proof.FIND
    return Proof.NONE


def _make_up(
    kind: EvidenceKind,
    why: str,
    taken: list[EvidenceKind],
    wanted: list[EvidenceKind],
    reasons: list[str],
) -> None:
    if kind in taken and kind not in wanted:
        wanted.append(kind)
        reasons.append(f"{kind.value} is added: {why}")
