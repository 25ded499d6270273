"""Review: experts look at what a model said, and say whether it is so (paper 1, section V).

A review item is the review of one job. Its life:

    WAITING ⇄ CLAIMED → DECIDED
                 ↓  ↑
            ADJUDICATING          two readers disagreed: a third one decides

and SUPERSEDED from every state but DECIDED, once a later job speaks for the study. Where a route
wants two readers, the first reading sends the item from CLAIMED back to WAITING. Whoever re-opens
a decided item says why and holds it: DECIDED → CLAIMED.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from ai_engine.prediction import Code, HeatMap, ModelIdentity, Region, Remark
from dicom_node.domain.device import Device
from dicom_node.domain.evidence import MadeObjects
from dicom_node.domain.review.external_report import ExternalReport


class ReviewState(StrEnum):
    """Where an item stands; ``REVIEW_TRANSITIONS`` says what may follow what."""

    WAITING = "waiting"
    CLAIMED = "claimed"
    ADJUDICATING = "adjudicating"
    DECIDED = "decided"
    SUPERSEDED = "superseded"


REVIEW_TRANSITIONS: dict[ReviewState, frozenset[ReviewState]] = {
    # DECIDED without a claim: a verified report came from another workstation.
    ReviewState.WAITING: frozenset(
        {ReviewState.CLAIMED, ReviewState.DECIDED, ReviewState.SUPERSEDED}
    ),
    ReviewState.CLAIMED: frozenset(
        {
            ReviewState.CLAIMED,
            ReviewState.WAITING,
            ReviewState.ADJUDICATING,
            ReviewState.DECIDED,
            ReviewState.SUPERSEDED,
        }
    ),
    ReviewState.ADJUDICATING: frozenset(
        {ReviewState.CLAIMED, ReviewState.DECIDED, ReviewState.SUPERSEDED}
    ),
    ReviewState.DECIDED: frozenset({ReviewState.CLAIMED}),
    ReviewState.SUPERSEDED: frozenset(),
}

OPEN_STATES = frozenset({ReviewState.WAITING, ReviewState.CLAIMED, ReviewState.ADJUDICATING})


# A rank is a priority, and below it a number from 0 to SHARES.
RANK_BITS = 4
SHARES = 10
_UNKNOWN_SHARE = 0.5


class Priority(IntEnum):
    """How soon an item should be looked at, in the words of (0074,1200); smaller is sooner."""

    HIGH = 1  # the route is urgent
    MEDIUM = 2  # the model has found something
    LOW = 3  # the model has found nothing


class Judgement(StrEnum):
    """What an expert says of one finding of the model, or beside its findings."""

    CONFIRMED = "confirmed"  # it is as the model says: there, or not there
    REJECTED = "rejected"  # the model says it is there, and it is not
    CHANGED = "changed"  # it is there, but is something else or somewhere else
    ADDED = "added"  # the model does not say so, but it is there
    UNSURE = "unsure"  # it cannot be told from these images


class Laterality(StrEnum):
    """Side of a finding (CID 244), as Image Laterality (0020,0062) writes it."""

    RIGHT = "R"
    LEFT = "L"
    BILATERAL = "B"


class ReviewerRole(StrEnum):
    """What a reviewer's word is worth: VERIFIED is a legal act (PS3.3 C.17.2)."""

    VERIFIER = "verifier"
    ATTESTOR = "attestor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Somebody who reviews. ``person_name`` is a DICOM person name (PS3.5 6.2: Family^Given)."""

    user_name: str
    person_name: str
    organisation: str
    role: ReviewerRole

    @property
    def may_verify(self) -> bool:
        """Whether reports that this reviewer confirms become VERIFIED."""
        return self.role is ReviewerRole.VERIFIER


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewItem:
    """The review of one job's result; ``item_id`` is the job's identifier.

    ``uncertainty`` is 1 where a probability lies on its threshold and 0 where none is near:
    the order of active learning. ``abnormality`` is how probably the images are not normal, None
    where nothing says so. ``leading_label`` is the most probable positive finding, empty
    where there is none. ``reads_first`` says that readers must say what they see before they are
    shown the result. ``readings`` of ``readers`` wanted readings have been made; ``disputed``
    says that they differ and somebody else must adjudicate. ``holder`` is the user name of who
    has claimed the item, until ``claimed_until``; an item whose claim has expired is anybody's
    again, whatever ``state`` says (see ``state_at``). ``decided_by`` holds user names, or the AE
    title of the workstation that sent a verified report. ``version`` counts changes, and
    ``reopened`` how often a verdict was taken back.
    """

    item_id: str
    study_instance_uid: str
    device: Device
    modality: str
    body_part: str
    route: str
    model: ModelIdentity
    calibration: str
    received_at: datetime
    created_at: datetime
    priority: Priority
    uncertainty: float
    abnormality: float | None = None
    positive_labels: tuple[str, ...] = ()
    leading_label: str = ""
    image_count: int = 1
    reads_first: bool = False
    readers: int = 1
    readings: int = 0
    disputed: bool = False
    state: ReviewState = ReviewState.WAITING
    holder: str = ""
    claimed_until: datetime | None = None
    decided_at: datetime | None = None
    decided_by: tuple[str, ...] = ()
    superseded_by: str = ""
    version: int = 0
    reopened: int = 0

    @property
    def rank(self) -> int:
        """The item's place by priority, then by abnormality in tenths: smaller is sooner.

        In tenths, so that what has waited longer goes first among those that are much alike. Where
        readers must say first what they see, the place says nothing of what the model has found.
        """
        share = _UNKNOWN_SHARE if self.abnormality is None else self.abnormality
        if self.reads_first:
            share = _UNKNOWN_SHARE
        return (int(self.told_priority) << RANK_BITS) + SHARES - int(share * SHARES)

    @property
    def is_kept(self) -> bool:
        """Whether what the model found is kept from whoever has not said what is to be seen.

        What a later result has superseded is much the same as that one, which is to be read first.
        """
        return self.reads_first and self.state is not ReviewState.DECIDED and not self.reopened

    @property
    def told_priority(self) -> Priority:
        """The priority that anybody may know: that of the route, where readers must read first."""
        is_of_model = self.reads_first and self.priority is not Priority.HIGH
        return Priority.MEDIUM if is_of_model else self.priority

    @property
    def told_uncertainty(self) -> float:
        """The uncertainty by which the item may be ordered; neither, where readers read first."""
        return _UNKNOWN_SHARE if self.reads_first else self.uncertainty

    @property
    def is_open(self) -> bool:
        """Whether the item still wants a verdict."""
        return self.state in OPEN_STATES

    def is_held(self, now: datetime) -> bool:
        """Whether somebody's claim is in force."""
        return (
            self.state is ReviewState.CLAIMED
            and self.claimed_until is not None
            and now < self.claimed_until
        )

    def state_at(self, now: datetime) -> ReviewState:
        """Return the state to show: an expired claim counts as none."""
        if self.state is ReviewState.CLAIMED and not self.is_held(now):
            return self.unclaimed_state
        return self.state

    @property
    def unclaimed_state(self) -> ReviewState:
        """The state that an open item has while nobody holds it."""
        return ReviewState.ADJUDICATING if self.disputed else ReviewState.WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingUnderReview:
    """One label's verdict by the model on one image, with what is needed to look at it.

    ``boxes`` enclose the outlines that the report has, in the image's pixel coordinates.
    ``score`` is the model's own probability, before the device's calibration.
    ``heat_map`` is None where the model gave none.
    """

    image_uid: str
    label: str
    title: str
    code: Code
    site: Code | None
    probability: float
    threshold: float
    frame_number: int | None = None
    score: float | None = None
    boxes: tuple[Region, ...] = ()
    heat_map: HeatMap | None = None

    @property
    def is_positive(self) -> bool:
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingVerdict:
    """What an expert says of one label on one image.

    ``label`` is the model's, or for ADDED the label of what the model missed. ``changed_to`` is
    the label it should have been, for CHANGED; empty where only place or side differ. ``box`` is
    where it is, in the image's pixel coordinates; None leaves the model's outlines as they are.
    Added findings with the label ``OTHER_LABEL`` need a comment that says what they are.
    """

    image_uid: str
    label: str
    judgement: Judgement
    frame_number: int | None = None
    changed_to: str = ""
    laterality: Laterality | None = None
    box: Region | None = None
    comment: str = ""


OTHER_LABEL = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LungVerdict:
    """What an expert says of one lung of a CT: CONFIRMED, CHANGED to a share, or UNSURE.

    ``percentage`` is the share that is inhomogeneous, for CHANGED; its grade follows from it unless
    ``is_gradable`` is false.
    """

    side: str
    judgement: Judgement
    percentage: float | None = None
    is_gradable: bool = True
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternVerdict:
    """What an expert says of one pattern of a CT; ``changed_to`` names another, for CHANGED."""

    pattern: str
    judgement: Judgement
    changed_to: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CtVerdict:
    """What an expert says of a CT's figures: of each lung that was found, and of each pattern."""

    lungs: tuple[LungVerdict, ...] = ()
    patterns: tuple[PatternVerdict, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One expert's reading of an item.

    Every positive finding needs a verdict, unless the result is ``rejected`` as a whole; a
    negative one that is not named is confirmed: what an expert passes over is not there.
    ``decided_at`` is set by the worklist. ``ct`` is what is said of a CT's figures, which has no
    labels to judge.
    """

    item_id: str
    reviewer: Reviewer
    findings: tuple[FindingVerdict, ...] = ()
    ct: CtVerdict | None = None
    rejected: bool = False
    comment: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopening:
    """That somebody took a verdict back, and why.

    ``number`` counts an item's re-openings from 1. ``readings`` are what had been said until then,
    by ``decided_by`` at ``decided_at``.
    """

    item_id: str
    number: int
    by: str
    reason: str
    at: datetime
    decided_by: tuple[str, ...]
    decided_at: datetime
    readings: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewImage:
    """An image of an item: where to fetch it by WADO-RS, and its size in pixels (0: unknown)."""

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    instance_number: int
    rows: int
    columns: int
    number_of_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnanalysedImage:
    """An image that the model refused, or whose series it did, and why."""

    sop_instance_uid: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingConcept:
    """A label that an expert may add or change to, with its name and code."""

    label: str
    title: str
    code: Code
    site: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LungUnderReview:
    """One lung's figures by the model, or both lungs'.

    Volumes are in ml, ``percentage`` is the inhomogeneous share of the volume (None without such a
    lung), ``grade`` 1 to 5 (None where no grade can be given).
    """

    side: str
    volume_ml: float
    aerated_ml: float
    percentage: float | None
    grade: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternUnderReview:
    """One pattern by the model: its volume, its share of both lungs, in which lungs, and where.

    ``slice_number`` is the slice where it is largest, counted from 1 at the head.
    """

    pattern: str
    volume_ml: float
    percentage: float
    sides: tuple[str, ...]
    slice_number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySliceUnderReview:
    """A slice to look at, counted from 1 at the head, and what is to be seen there."""

    number: int
    patterns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtUnderReview:
    """What a model measured on a CT series.

    ``lungs`` are the right and the left one; ``slices`` SOP Instance UID and frame of each slice
    from head to feet; ``doubts`` say why no grade was given, ``cautions`` what else is to be known.
    """

    lungs: tuple[LungUnderReview, ...]
    both: LungUnderReview
    patterns: tuple[PatternUnderReview, ...]
    key_slices: tuple[KeySliceUnderReview, ...]
    slices: tuple[tuple[str, int | None], ...]
    explanation: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewDetails:
    """Everything a study view shows of an item.

    ``images`` are those that the job was about, by series and instance number;
    ``vocabulary`` is what may be added. ``remarks`` say how the result came about, ``refusals``
    which of the images were not analysed and why. ``made`` counts what was made of the study, by
    this model and by others. ``outside`` are reports on the result that came from other
    workstations. ``readings`` holds earlier verdicts only where
    they may be seen: by an adjudicator, and by all once the item is decided or after that taken
    back. A second reader reads blind. ``history`` tells of each time that a verdict was taken back,
    oldest first, with what it had been. ``ct`` is set for a CT's figures, which come without
    findings.
    """

    item: ReviewItem
    images: tuple[ReviewImage, ...]
    findings: tuple[FindingUnderReview, ...]
    vocabulary: tuple[FindingConcept, ...]
    remarks: tuple[Remark, ...] = ()
    refusals: tuple[UnanalysedImage, ...] = ()
    made: tuple[MadeObjects, ...] = ()
    external: tuple[ExternalReport, ...] = ()
    readings: tuple[Verdict, ...] = ()
    history: tuple[Reopening, ...] = ()
    ct: CtUnderReview | None = None

    @property
    def disagrees(self) -> bool:
        """Whether the header of an image says one thing and its pixels another."""
        return any(each.kind.is_disagreement for each in self.remarks)
