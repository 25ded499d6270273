"""What a model says about the images of a study, as frozen values.

These values are the contract between the AI engine, which makes them, the templates in
``sr_templates``, which turn them into DICOM objects, and the node, which moves them along.
They hold no DICOM datasets and no framework tensors, so they are written down by their schema alone
and compare by value.
"""

from dataclasses import dataclass
from enum import StrEnum

from ai_engine.float_grid import FloatGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """A coded concept (PS3.16, section 8): value, coding scheme designator, meaning."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelIdentity:
    """Which model, exactly, made a result.

    ``weights_digest`` is the SHA-256 of the weights file in lower-case hex: two models with the
    same name and version but other weights are different models. It is empty for what has none.
    """

    name: str
    version: str
    weights_digest: str
    title: str
    manufacturer: str
    research_only: bool

    @property
    def key(self) -> str:
        """Name, version and the digest's first twelve digits, for logs and identifiers."""
        return f"{self.name}/{self.version}+{self.weights_digest[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A rectangle in a source image's pixel coordinates.

    The origin is the top left corner of the top left pixel, x runs along columns; the right and
    bottom edges are exclusive. Edges may lie outside the image where the model's input was padded.
    """

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class HeatMap:
    """A class activation map on the model's feature grid.

    ``values`` has shape (h, w), float32, 0 to 1 where 1 is the strongest activation of this map;
    ``region`` is the part of the source image that the grid covers, edge to edge. ``within`` is
    where the map may be outlined, on a finer grid of the same region, 1 inside and 0 outside: the
    lungs, widened; None where nobody looked, and all of it may.
    """

    values: FloatGrid
    region: Region
    within: FloatGrid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundBox:
    """A box that a detector drew around one place of a finding, with that place's probability."""

    region: Region
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One label's verdict on one image: the probability and the threshold it is held against.

    Where it is, is said by a classifier's ``heat_map`` or by a detector's ``boxes``: those at or
    above the threshold, most probable first. ``score`` is the model's own probability, before the
    calibration of the device mapped it to ``probability``; None where nothing did. Calibration and
    drift work on it.
    """

    label: str
    title: str
    code: Code
    site: Code | None
    probability: float
    threshold: float
    heat_map: HeatMap | None = None
    score: float | None = None
    boxes: tuple[FoundBox, ...] = ()

    @property
    def own_probability(self) -> float:
        """The model's own probability, before any calibration."""
        return self.probability if self.score is None else self.score

    @property
    def is_positive(self) -> bool:
        """Whether the probability reaches the threshold."""
        return self.probability >= self.threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuality:
    """What a device made of an image, in figures that do not depend on any model.

    Grey values are 0 to 1, on the exposed part of the image as displayed;
    `ai_engine.preprocessing.quality` says how each figure is taken.
    """

    exposure: float
    contrast: float
    noise: float
    sharpness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagePrediction:
    """The findings on one image (or one frame of it: ``frame_number`` counts from 1)."""

    sop_instance_uid: str
    findings: tuple[Finding, ...]
    frame_number: int | None = None
    quality: ImageQuality | None = None

    @property
    def positive(self) -> tuple[Finding, ...]:
        """The findings at or above their thresholds, most probable first."""
        found = (finding for finding in self.findings if finding.is_positive)
        return tuple(sorted(found, key=lambda finding: -finding.probability))


class RefusalReason(StrEnum):
    """Why an image was not analysed."""

    NO_PIXELS = "no pixel data"
    UNDECODABLE = "pixel data cannot be decoded"
    UNSUPPORTED_PHOTOMETRIC = "photometric interpretation not supported"
    NOT_FRONTAL_CHEST = "not a frontal chest radiograph"
    NOT_LATERAL_CHEST = "not a lateral chest radiograph"
    NOT_EXPECTED = "not what the model is for"
    AGE_OUTSIDE = "age outside the model's limits"
    LOCALIZER = "a localizer of CT, not a radiograph"
    UNPAIRED = "lateral image without a frontal one"
    EMPTY_EXPOSURE = "image has no usable contrast"
    TOO_SMALL = "image is too small"
    TOO_LARGE = "image is too large"
    UNSUPPORTED_COMPRESSION = "compression not supported"
    CONTRADICTORY = "pixel data contradicts the header"
    BITS_UNCLEAR = "header does not tell where the bits of the pixels are"
    UNREADABLE_VALUE = "header value cannot be read"
    NO_PHOTOMETRIC = "photometric interpretation is missing"
    SLOPE_ZERO = "rescale slope is zero"
    INVALID_LUT = "modality lookup table cannot be applied"
    MULTIFRAME = "more frames than the model accepts"
    SUSPENDED = "model is suspended for this device"
    ANALYSIS_FAILED = "analysis failed"
    NO_MODEL = "no model for this study"
    NO_IMAGE_MODEL = "no model for this image"
    SEVERAL_PATIENTS = "more than one patient in the study"
    CAME_TWICE = "came again with other content"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An image that the model did not analyse, and why; ``detail`` never holds header values."""

    sop_instance_uid: str
    reason: RefusalReason
    detail: str


ABNORMAL = "Abnormal"
NO_FINDING = frozenset({"No_Finding", "No Finding", "Normal"})
"""Labels whose probability is that of a normal radiograph, as NIH, CheXpert and RSNA name them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """How probably the least normal image of a study is not normal, and what said so."""

    model: ModelIdentity
    sop_instance_uid: str
    probability: float
    threshold: float

    @property
    def is_abnormal(self) -> bool:
        """Whether the study should be looked at before others."""
        return self.probability >= self.threshold


def abnormality(label: str, probability: float) -> float | None:
    """How probably an image with this probability of a label isn't normal; None: no telling."""
    if label in NO_FINDING:
        return 1 - probability
    return probability if label == ABNORMAL else None


class RemarkKind(StrEnum):
    """What a reader must know of how a result came about."""

    TAGS_DISAGREE = "header and pixels disagree"
    TRIAGE = "triage"
    LATERAL_USED = "judged with the lateral image"
    LATERAL_MISSING = "no lateral image"
    HEADER_JOINED = "header joined with pixels"
    CHANNELS_GIVEN = "given further channels"
    HEADER_CORRECTED = "pixels read other than the header states"
    TRANSFER_INTERRUPTED = "transfer interrupted"
    MAY_BE_INCOMPLETE = "may be incomplete"
    FOR_PROCESSING = "image for processing left out"
    HEADER_VALUES = "header values not valid"
    PATIENT_DECIDED = "patient decided by a person"
    TELLS_ABNORMAL = "tells abnormal, not which disease"
    IMAGES_FETCHED = "images fetched from an archive"
    ORDER_FOUND = "order found in a worklist"
    OUTSIDE_LUNGS = "attention outside the lungs, location not reliable"
    UNLIKE_TRAINING = "image unlike the training data"
    LUNGS_CUT = "lungs not whole"
    HEART_SIDE = "heart on the other side"
    AGE_OUTSIDE = "age outside the model's limits"
    AGE_UNKNOWN = "age unknown"
    MEASURED = "measured"
    LUNGS_UNKNOWN = "lungs not outlined, location not checked"
    UNCERTAIN = "result uncertain, near the threshold"

    @property
    def is_disagreement(self) -> bool:
        """Whether header and pixels say different things."""
        return self in {RemarkKind.TAGS_DISAGREE, RemarkKind.HEADER_CORRECTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One such thing about one image; ``detail`` is a sentence for people."""

    kind: RemarkKind
    sop_instance_uid: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeObject:
    """A DICOM object that somebody else's model has made, a Part 10 file as it was left."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What one model says about the images of one study.

    ``objects`` are what it has made itself, not looked at yet. ``parameters`` are sentences on what
    else made it, for the algorithm's identification: which service was asked, and which version
    answered.
    """

    model: ModelIdentity
    images: tuple[ImagePrediction, ...]
    refusals: tuple[Refusal, ...] = ()
    calibration: str = "model default"
    remarks: tuple[Remark, ...] = ()
    parameters: tuple[str, ...] = ()
    objects: tuple[MadeObject, ...] = ()

    @property
    def is_positive(self) -> bool:
        """Whether any image has a finding at or above its threshold."""
        return any(image.positive for image in self.images)

    @property
    def analysed(self) -> frozenset[str]:
        """The SOP Instance UIDs of the images that were analysed."""
        return frozenset(image.sop_instance_uid for image in self.images)

    @property
    def refused(self) -> frozenset[str]:
        """The SOP Instance UIDs of the images that were not."""
        return frozenset(refusal.sop_instance_uid for refusal in self.refusals)
