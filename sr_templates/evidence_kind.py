"""The kinds of result object, and all that is said of each kind in one table.

What builds an object of a kind stands in `dicom_node.workflow.analysis.evidence_builders`, beside
what it needs of a source; a test holds the two tables together. A new kind is a line in the
enumeration, a spec here, a builder there, and the template itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from types import MappingProxyType


class EvidenceKind(StrEnum):
    """What the node can make of a prediction, by the names that users administer them with."""

    SR = "sr"
    SC = "sc"
    SEG = "seg"
    PR = "pr"
    PM = "pm"
    PDF = "pdf"
    KO = "ko"
    SOFT = "soft"
    BONE = "bone"
    VENDOR = "vendor"
    REJECTION = "rejection"


class EvidenceSubject(Enum):
    """What an object of a kind is made from, and so what it needs of its source."""

    RADIOGRAPH = auto()
    """One analysed radiograph: its header, and its pixels as displayed."""
    STUDY = auto()
    """All images of a job that looks at radiographs: their headers."""
    CT = auto()
    """A measured CT series: its slices' headers, and pixels of those that are shown."""
    BONES = auto()
    """One radiograph and the bones that were estimated from it."""
    FOREIGN = auto()
    """An object that somebody else's model made itself."""
    VERDICT = auto()
    """What an expert said of a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSpec:
    """All that is said of one kind of evidence.

    Parameters
    ----------
    kind
        The kind.
    sop_classes
        UIDs of what carries it, in order of preference (PS3.4 Annex B.5).
    subjects
        What objects of this kind are made from.
    series_offset
        Added to the context's series number base, so that the kinds keep their order.
    modality
        Modality (0008,0060) of its series.
    heading
        What its series is called in a viewer's list.
    words
        What people call one of them, and several.
    is_administered
        Whether a destination is given this kind or not. What isn't goes wherever the rest went.
    """

    kind: EvidenceKind
    sop_classes: tuple[str, ...]
    subjects: frozenset[EvidenceSubject]
    series_offset: int
    modality: str
    heading: str
    words: tuple[str, str]
    is_administered: bool = True

    def counted(self, count: int) -> str:
        """Return ``report`` or ``2 reports``."""
        one, several = self.words
        return one if count == 1 else f"{count} {several}"


_SPECS = (
    EvidenceSpec(
        kind=EvidenceKind.SR,
        # Comprehensive 3D, Comprehensive, Enhanced and Basic Text SR, Encapsulated PDF: the last
        # four are made of the first where a destination takes no better one (`forms`).
        sop_classes=(
            "1.2.840.10008.5.1.4.1.1.88.34",
            "1.2.840.10008.5.1.4.1.1.88.33",
            "1.2.840.10008.5.1.4.1.1.88.22",
            "1.2.840.10008.5.1.4.1.1.88.11",
            "1.2.840.10008.5.1.4.1.1.104.1",
        ),
        subjects=frozenset({EvidenceSubject.STUDY, EvidenceSubject.CT, EvidenceSubject.VERDICT}),
        series_offset=0,
        modality="SR",
        heading="AI report",
        words=("report", "reports"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.SC,
        sop_classes=("1.2.840.10008.5.1.4.1.1.7",),  # Secondary Capture Image
        subjects=frozenset({EvidenceSubject.RADIOGRAPH, EvidenceSubject.CT}),
        series_offset=1,
        modality="OT",
        heading="AI overlay",
        words=("overlay", "overlays"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.SEG,
        sop_classes=("1.2.840.10008.5.1.4.1.1.66.4",),  # Segmentation
        subjects=frozenset({EvidenceSubject.RADIOGRAPH, EvidenceSubject.CT}),
        series_offset=2,
        modality="SEG",
        heading="AI regions",
        words=("segmentation", "segmentations"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.PR,
        sop_classes=("1.2.840.10008.5.1.4.1.1.11.1",),  # Grayscale Softcopy Presentation State
        subjects=frozenset({EvidenceSubject.RADIOGRAPH}),
        series_offset=3,
        modality="PR",
        heading="AI outlines",
        words=("presentation state", "presentation states"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.PM,
        sop_classes=("1.2.840.10008.5.1.4.1.1.30",),  # Parametric Map
        subjects=frozenset({EvidenceSubject.RADIOGRAPH}),
        series_offset=4,
        modality="OT",
        heading="AI activation map",
        words=("parametric map", "parametric maps"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.PDF,
        sop_classes=("1.2.840.10008.5.1.4.1.1.104.1",),  # Encapsulated PDF
        subjects=frozenset({EvidenceSubject.RADIOGRAPH, EvidenceSubject.CT}),
        series_offset=5,
        modality="DOC",
        heading="AI report, printable",
        words=("PDF", "PDFs"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.KO,
        sop_classes=("1.2.840.10008.5.1.4.1.1.88.59",),  # Key Object Selection Document
        subjects=frozenset({EvidenceSubject.STUDY, EvidenceSubject.CT}),
        series_offset=6,
        modality="KO",
        heading="AI key images",
        words=("key object selection", "key object selections"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.REJECTION,
        sop_classes=("1.2.840.10008.5.1.4.1.1.88.59",),  # Key Object Selection Document
        subjects=frozenset({EvidenceSubject.VERDICT}),
        series_offset=7,
        modality="KO",
        heading="AI results rejected",
        words=("rejection note", "rejection notes"),
        is_administered=False,
    ),
    EvidenceSpec(
        kind=EvidenceKind.SOFT,
        sop_classes=("1.2.840.10008.5.1.4.1.1.7",),  # Secondary Capture Image
        subjects=frozenset({EvidenceSubject.BONES}),
        series_offset=8,
        modality="OT",
        heading="AI bones suppressed",
        words=("image without bones", "images without bones"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.BONE,
        sop_classes=("1.2.840.10008.5.1.4.1.1.7",),  # Secondary Capture Image
        subjects=frozenset({EvidenceSubject.BONES}),
        series_offset=9,
        modality="OT",
        heading="AI bones only",
        words=("image of the bones alone", "images of the bones alone"),
    ),
    EvidenceSpec(
        kind=EvidenceKind.VENDOR,
        # Comprehensive 3D, Comprehensive, Enhanced and Basic Text SR, Segmentation, Secondary
        # Capture, Grayscale Softcopy Presentation State: as the program made it, never changed.
        sop_classes=(
            "1.2.840.10008.5.1.4.1.1.88.34",
            "1.2.840.10008.5.1.4.1.1.88.33",
            "1.2.840.10008.5.1.4.1.1.88.22",
            "1.2.840.10008.5.1.4.1.1.88.11",
            "1.2.840.10008.5.1.4.1.1.66.4",
            "1.2.840.10008.5.1.4.1.1.7",
            "1.2.840.10008.5.1.4.1.1.11.1",
        ),
        subjects=frozenset({EvidenceSubject.FOREIGN}),
        # A number for each series of a program (`foreign_objects.MOST_SERIES`).
        series_offset=40,
        modality="OT",
        heading="AI result",
        words=("object of the model's own", "objects of the model's own"),
    ),
)

EVIDENCE: Mapping[EvidenceKind, EvidenceSpec] = MappingProxyType(
    {each.kind: each for each in _SPECS}
)


def kinds_of(subject: EvidenceSubject) -> frozenset[EvidenceKind]:
    """Return the kinds that are made from ``subject``."""
    return frozenset(each.kind for each in _SPECS if subject in each.subjects)
