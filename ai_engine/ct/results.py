"""What the analysis of one CT series says, as frozen values.

Like ``ai_engine.prediction``, they hold no datasets and no framework tensors.
"""

from dataclasses import dataclass
from enum import StrEnum

from ai_engine.ct import codes
from ai_engine.ct.contours import Ring
from ai_engine.ct.masks import PackedMask
from ai_engine.ct.slices import SliceReference, Vector
from ai_engine.ct.volume import VolumeGeometry
from ai_engine.library.labels import BOTH_LUNGS
from ai_engine.prediction import Code, ModelIdentity


class Side(StrEnum):
    """The patient's lungs."""

    RIGHT = "right lung"
    LEFT = "left lung"
    BOTH = "both lungs"

    @property
    def code(self) -> Code:
        """The SNOMED CT code of the lung."""
        return _SIDES[self]


class Pattern(StrEnum):
    """The four patterns of inhomogeneity (paper 5, section 3), and none of them."""

    GROUND_GLASS = "ground-glass"
    CONSOLIDATION = "consolidation"
    NODULE = "nodule"
    ATELECTASIS = "atelectasis"
    UNDECIDED = "undecided"

    @property
    def code(self) -> Code:
        """The code that a region of this pattern is reported with."""
        return _PATTERNS[self]


class Severity(StrEnum):
    """Grades by percentage of inhomogeneity (paper 5, section 6).

    The paper calls the first one "healthy lungs". That a method measures little doesn't make lungs
    healthy, so its name is given only in brackets, and only where nothing at all was found and
    nothing forbids it (`conclusion`).
    """

    GRADE_1 = "up to 2 %"
    GRADE_2 = "2 to 25 %"
    GRADE_3 = "25 to 50 %"
    GRADE_4 = "50 to 75 %"
    GRADE_5 = "over 75 %"

    @property
    def grade(self) -> int:
        """1 to 5."""
        return tuple(Severity).index(self) + 1


class Caution(StrEnum):
    """What a reader must know before using the figures."""

    CUT_OFF = "The lungs are not wholly inside the scan; volumes are of the imaged part."
    CONTRAST = "A contrast agent is stated; it raises attenuation and thus the percentages."
    CONTRAST_SEEN = (
        "Heart or great vessels are as dense as with a contrast agent, though none is stated; it "
        "raises attenuation and thus the percentages."
    )
    ORIENTATION = (
        "Spine, ribs and windpipe contradict each other about front, back, head and feet: the "
        "images may lie otherwise than their header says."
    )
    HEART_RIGHT = (
        "The heart lies on the right: mirrored images, the heart's own place, or disease that has "
        "moved it; right and left lung may be the wrong way round."
    )
    THICK = "Slices are more than 3 mm apart; small lesions may be missed."
    NOISY = (
        "Noise is high, as of a very low dose or a sharp kernel: what is found may be noise, and "
        "what is faint may be lost in it."
    )
    NOT_INFLATED = (
        "Mean lung attenuation is high: little inspiration or widespread disease; "
        "the percentages may be too high."
    )
    ONE_SIDED = (
        "One lung holds much less air than the other: disease, collapse, fluid, or a lung that was "
        "removed; how much of its side is lung is not known."
    )
    DIFFUSE = (
        "Both lungs are dense all over: diffuse disease or little inspiration, which density alone "
        "does not tell apart; dense areas cannot be told from the lung around them."
    )
    PNEUMOTHORAX = (
        "Gas without lung in it lies in the chest: pneumothorax or a large bulla; "
        "the lung's own volume is not known."
    )
    CAVITY = (
        "Gas without lung in it lies in the depth of a lung: a cavity or a bulla; what is thin of "
        "its wall is not in the figures."
    )
    DARK = (
        "More than a twentieth of the lung lies below −950 HU, as in emphysema. Percentages and "
        "grade are of dense areas alone and say nothing of it."
    )
    ENDS_EARLY = (
        "A lung ends at a level or above the other one's base: its base may be airless or filled "
        "with fluid that was not found."
    )
    BEGINS_LATE = (
        "A lung begins at a level, as no apex does: its apex may be airless or filled with fluid "
        "that was not found."
    )
    BOTH_BASES = (
        "Both lungs end at a level: how deep airless lung or fluid reaches is seen on neither "
        "side, and the percentages may be some points too low."
    )
    RIND = (
        "A lung keeps farther from the ribs than usual: thickened pleura, fluid, or an airless "
        "rind that was not found."
    )
    SURFACE_HAZE = (
        "The lung is hazy right under its surface, in a layer too thin to be measured: "
        "the percentages may be too low."
    )
    FINE_LINES = (
        "Haze is run through by fine dense lines, thinner than what is measured: "
        "the percentages may be some points too low."
    )
    SOLID_BORDER = (
        "Solid lung was found. Where it touches heart, mediastinum or diaphragm it cannot be told "
        "from them with certainty: the percentages may be some points too low."
    )
    SCATTERED = (
        "Solid lung was found in several places. More of them may touch heart, mediastinum or "
        "diaphragm, from which they cannot be told: the percentages may be too low."
    )
    SHAPE = (
        "The lungs found are too flat or too tall, or too broad or too deep: distances between "
        "slices or pixels may be stated wrongly, or parts of the lungs are missing."
    )
    RIBS_EMPTY = (
        "The lungs found fill little of the space inside the ribs: parts without air may be "
        "missing from them."
    )
    BASE_UNSURE = (
        "Something dense at a lung's base is airless lung or diaphragm: in slices as thick as "
        "these, one sampling says the one and the next the other. It is not in the figures."
    )
    RIGHT_SMALL = (
        "The right lung found is small beside the left; airless parts may be missing from it, "
        "and its percentage may be too low."
    )
    LEFT_SMALL = (
        "The left lung found is small beside the right; airless parts may be missing from it, "
        "and its percentage may be too low."
    )

    @property
    def forbids_grade(self) -> bool:
        """Whether no grade can be given: what was measured may not be all there is."""
        return self not in {
            Caution.CONTRAST,
            Caution.CONTRAST_SEEN,
            Caution.THICK,
            Caution.DARK,
            Caution.SOLID_BORDER,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LungMeasurement:
    """One lung's figures, or both lungs' together.

    ``volume_ml`` is of the lung's mask without airways and hilum, airless parts and fluid in the
    pleural space included; ``aerated_ml`` of what is aerated in it (below −500 HU).
    ``inhomogeneity_ml`` is the part of the inhomogeneity mask inside the lung; ``percentage`` its
    share of ``volume_ml`` (paper 5, equations 1 and 2), None where there is no such lung.
    ``high_attenuation_percentage`` is the part of the lung's
    voxels from −600 to −250 HU without any selection, as epidemiology reports it; healthy
    never-smokers have a median of 4.3 % (Easthausen et al., Respirology 2020). ``mean_hounsfield``
    is the lung's mean, ``percentile_15`` the density that 15 % of it stay below. ``severity`` is
    None where there is no such lung, or where no grade can be given.
    """

    side: Side
    volume_ml: float
    aerated_ml: float
    inhomogeneity_ml: float
    percentage: float | None
    high_attenuation_percentage: float | None
    mean_hounsfield: float | None
    percentile_15: float | None
    severity: Severity | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CtFinding:
    """One connected region of inhomogeneity.

    ``slices`` are its first and last slice, counted from 1 at the head; ``largest_slice`` is the
    one with its largest area, and ``centre`` the mean of its voxels in patient coordinates (mm).
    """

    pattern: Pattern
    side: Side
    volume_ml: float
    mean_hounsfield: float
    slices: tuple[int, int]
    largest_slice: int
    centre: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceRange:
    """Consecutive slices with the same patterns; counted from 1 at the head, both ends included.

    ``patterns`` is empty where no inhomogeneity was found.
    """

    first: int
    last: int
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMeasurement:
    """How much of one lung, or of both, shows a pattern; ``percentage`` is of that lung's volume.

    ``regions`` counts the connected regions.
    """

    pattern: Pattern
    side: Side
    volume_ml: float
    percentage: float
    regions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """The outline of a lung or a pattern on the slice where it is largest.

    ``what`` is whose it is; ``number`` counts slices from 1 at the head; ``ring`` is the largest
    closed polygon there.
    """

    what: Side | Pattern
    number: int
    reference: SliceReference
    ring: Ring


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySlice:
    """A slice to look at: where a lung has most inhomogeneity, or a pattern is largest.

    Without any inhomogeneity it is the slice with most lung. ``number`` counts from 1 at the head;
    ``areas`` are the outlines of the inhomogeneity and ``lungs`` of the lungs; ``patterns`` says
    what is seen.
    """

    number: int
    reference: SliceReference
    patterns: tuple[Pattern, ...]
    areas: tuple[Ring, ...]
    lungs: tuple[Ring, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtAnalysis:
    """All that is known of one series.

    ``measurements`` are of the right lung, the left lung and both, in this order; ``findings`` the
    regions, the largest first; ``explanation`` the sentences of paper 5's Fig. 7. ``patterns`` are
    those found, each in the lungs that show it and in both; ``outlines`` are of both lungs and of
    each pattern. Masks have the shape and slice order of ``geometry``. ``corrections`` say what the
    headers got wrong of the pixels, and how these were read.
    """

    method: ModelIdentity
    geometry: VolumeGeometry
    measurements: tuple[LungMeasurement, LungMeasurement, LungMeasurement]
    findings: tuple[CtFinding, ...]
    ranges: tuple[SliceRange, ...]
    explanation: tuple[str, ...]
    cautions: tuple[Caution, ...]
    patterns: tuple[PatternMeasurement, ...]
    key_slices: tuple[KeySlice, ...]
    outlines: tuple[Area, ...]
    right_lung: PackedMask
    left_lung: PackedMask
    inhomogeneity: tuple[tuple[Pattern, PackedMask], ...]
    corrections: tuple[str, ...] = ()

    @property
    def is_positive(self) -> bool:
        """Whether there is any inhomogeneity."""
        return bool(self.findings)

    @property
    def doubts(self) -> tuple[Caution, ...]:
        """The cautions for which no grade is given."""
        return tuple(caution for caution in self.cautions if caution.forbids_grade)


_SIDES = {
    Side.RIGHT: codes.RIGHT_LUNG,
    Side.LEFT: codes.LEFT_LUNG,
    Side.BOTH: BOTH_LUNGS,
}
_PATTERNS = {
    Pattern.GROUND_GLASS: codes.GROUND_GLASS,
    Pattern.CONSOLIDATION: codes.CONSOLIDATION,
    Pattern.NODULE: codes.NODULE,
    Pattern.ATELECTASIS: codes.ATELECTASIS,
    Pattern.UNDECIDED: codes.UNDECIDED,
}
