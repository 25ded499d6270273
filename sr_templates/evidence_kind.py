"""The kinds of result object, by the names that users administer them with."""

from enum import StrEnum


class EvidenceKind(StrEnum):
    """What the node can make of a prediction.

    Structured report, colour overlay (Secondary Capture), segmentation, presentation state,
    parametric map, encapsulated PDF, key object selection, the radiograph without its bones (soft
    tissue) and its bones alone, and the key object selection that rejects what was sent before.
    """

    SR = "sr"
    SC = "sc"
    SEG = "seg"
    PR = "pr"
    PM = "pm"
    PDF = "pdf"
    KO = "ko"
    SOFT = "soft"
    BONE = "bone"
    REJECTION = "rejection"
