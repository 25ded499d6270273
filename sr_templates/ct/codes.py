"""The coded concepts of CT results that stand beside `ai_engine.ct.codes` (PS3.16)."""

from types import MappingProxyType

from pydicom.sr.coding import Code

from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.ct.results import Caution, Pattern, Severity, Side
from sr_templates.codes import PRIVATE_SCHEME

SERIES_INSTANCE_UID = Code("112002", "DCM", "Series Instance UID")
TISSUE = Code("85756007", "SCT", "Tissue")
ANATOMICAL_STRUCTURE = Code("123037004", "SCT", "Anatomical Structure")

INHOMOGENEITY_VOLUME = Code("ct-inhomogen-ml", PRIVATE_SCHEME, "Volume of lung inhomogeneity")
REGIONS = Code("ct-regions", PRIVATE_SCHEME, "Number of regions")
COUNT = Code("1", "UCUM", "no units")
SEVERITY = Code("ct-severity", PRIVATE_SCHEME, "Severity of lung inhomogeneity")

SEVERITY_OF = MappingProxyType(
    {
        Side.RIGHT: Code("ct-severity-r", PRIVATE_SCHEME, "Severity, right lung"),
        Side.LEFT: Code("ct-severity-l", PRIVATE_SCHEME, "Severity, left lung"),
        Side.BOTH: Code("ct-severity-b", PRIVATE_SCHEME, "Severity, both lungs"),
    }
)
_LETTERS = {Side.RIGHT: "r", Side.LEFT: "l", Side.BOTH: "b"}
_PATTERNS = {
    Pattern.GROUND_GLASS: ("ggo", "Ground-glass"),
    Pattern.CONSOLIDATION: ("con", "Consolidation"),
    Pattern.NODULE: ("nod", "Nodule"),
    Pattern.ATELECTASIS: ("ate", "Atelectasis"),
    Pattern.UNDECIDED: ("und", "Undecided type"),
}
# Viewers show a number's name and nothing else of its group, so pattern and lung are in the name.
INHOMOGENEITY_OF = MappingProxyType(
    {
        side: Code(f"ct-inhom-{letter}", PRIVATE_SCHEME, f"Inhomogeneity of {side}")
        for side, letter in _LETTERS.items()
    }
)
PART_OF = MappingProxyType(
    {
        (pattern, side): Code(f"ct-{short}-{letter}", PRIVATE_SCHEME, f"{name} in {side}")
        for pattern, (short, name) in _PATTERNS.items()
        for side, letter in _LETTERS.items()
    }
)
GRADES = MappingProxyType(
    {
        severity: Code(
            f"ct-grade-{severity.grade}", PRIVATE_SCHEME, f"Grade {severity.grade}: {severity}"
        )
        for severity in Severity
    }
)
METHOD = Code("ct-attenuation", PRIVATE_SCHEME, "Attenuation of segmented lungs on CT")
CANNOT_GRADE = Code("ct-no-grade", PRIVATE_SCHEME, "Cannot grade")
AERATED_VOLUME = Code("ct-aerated-ml", PRIVATE_SCHEME, "Volume of aerated lung")
PERCENTILE_15 = Code("ct-percentile-15", PRIVATE_SCHEME, "15th percentile of attenuation")
CAUTION = Code("ct-caution", PRIVATE_SCHEME, "Caution")
CAUTIONS = MappingProxyType(
    {
        Caution.CUT_OFF: Code("C-CUT-OFF", PRIVATE_SCHEME, "Lungs cut off by the scan"),
        Caution.CONTRAST: Code("C-CONTRAST", PRIVATE_SCHEME, "Contrast agent"),
        Caution.CONTRAST_SEEN: Code(
            "C-CONTRAST-SEEN", PRIVATE_SCHEME, "Contrast agent seen but not stated"
        ),
        Caution.ORIENTATION: Code(
            "C-ORIENTATION", PRIVATE_SCHEME, "Signs of orientation contradict each other"
        ),
        Caution.HEART_RIGHT: Code("C-HEART-RIGHT", PRIVATE_SCHEME, "Heart on the right"),
        Caution.THICK: Code("C-THICK", PRIVATE_SCHEME, "Thick slices"),
        Caution.NOISY: Code("C-NOISE", PRIVATE_SCHEME, "Much noise"),
        Caution.NOT_INFLATED: Code(
            "C-NOT-INFLATED", PRIVATE_SCHEME, "Little inspiration or widespread disease"
        ),
        Caution.ONE_SIDED: Code("C-ONE-SIDED", PRIVATE_SCHEME, "Much less air in one lung"),
        Caution.DIFFUSE: Code("C-DIFFUSE", PRIVATE_SCHEME, "Diffuse disease or little inspiration"),
        Caution.PNEUMOTHORAX: Code("C-GAS", PRIVATE_SCHEME, "Pneumothorax or large bulla"),
        Caution.CAVITY: Code("C-CAVITY", PRIVATE_SCHEME, "Cavity or bulla in a lung"),
        Caution.ENDS_EARLY: Code("C-ENDS-EARLY", PRIVATE_SCHEME, "Base of a lung not seen"),
        Caution.BEGINS_LATE: Code("C-APEX", PRIVATE_SCHEME, "Apex of a lung not seen"),
        Caution.BOTH_BASES: Code(
            "C-BOTH-BASES", PRIVATE_SCHEME, "Depth of both airless bases not seen"
        ),
        Caution.SURFACE_HAZE: Code(
            "C-SURFACE", PRIVATE_SCHEME, "Lung hazy right under its surface"
        ),
        Caution.DARK: Code("C-DARK", PRIVATE_SCHEME, "Lung darker than usual as in emphysema"),
        Caution.FINE_LINES: Code("C-FINE-LINES", PRIVATE_SCHEME, "Fine dense lines in haze"),
        Caution.RIND: Code("C-RIND", PRIVATE_SCHEME, "Lung keeps away from the ribs"),
        Caution.SOLID_BORDER: Code(
            "C-SOLID-BORDER", PRIVATE_SCHEME, "Solid lung at heart or diaphragm uncertain"
        ),
        Caution.SCATTERED: Code("C-SCATTERED", PRIVATE_SCHEME, "Solid lung in several places"),
        Caution.SHAPE: Code("C-SHAPE", PRIVATE_SCHEME, "Lungs too flat or too tall"),
        Caution.RIBS_EMPTY: Code("C-RIBS-EMPTY", PRIVATE_SCHEME, "Lungs small for the thorax"),
        Caution.BASE_UNSURE: Code(
            "C-BASE-UNSURE", PRIVATE_SCHEME, "Airless lung or diaphragm, thick slices"
        ),
        Caution.RIGHT_SMALL: Code("C-RIGHT-SMALL", PRIVATE_SCHEME, "Right lung small"),
        Caution.LEFT_SMALL: Code("C-LEFT-SMALL", PRIVATE_SCHEME, "Left lung small"),
    }
)
REFUSAL_REASONS = MappingProxyType(
    {
        CtRefusalReason.NOT_CT: Code("R-NOT-CT", PRIVATE_SCHEME, "Not CT images"),
        CtRefusalReason.LOCALIZER: Code("R-LOCALIZER", PRIVATE_SCHEME, "Localizer"),
        CtRefusalReason.PROJECTION: Code("R-PROJECTION", PRIVATE_SCHEME, "Projections"),
        CtRefusalReason.NO_GEOMETRY: Code(
            "R-NO-GEOMETRY", PRIVATE_SCHEME, "Position, orientation or spacing missing"
        ),
        CtRefusalReason.NO_HOUNSFIELD_UNITS: Code(
            "R-NO-HU", PRIVATE_SCHEME, "Values are not Hounsfield units"
        ),
        CtRefusalReason.TOO_FEW_SLICES: Code("R-FEW-SLICES", PRIVATE_SCHEME, "Too few slices"),
        CtRefusalReason.MIXED_SERIES: Code(
            "R-MIXED-SERIES", PRIVATE_SCHEME, "Slices of more than one series"
        ),
        CtRefusalReason.MIXED_GEOMETRY: Code(
            "R-MIXED-GEOMETRY", PRIVATE_SCHEME, "Slices of different orientation or size"
        ),
        CtRefusalReason.NOT_AXIAL: Code("R-NOT-AXIAL", PRIVATE_SCHEME, "Slices are not axial"),
        CtRefusalReason.DECUBITUS: Code("R-DECUBITUS", PRIVATE_SCHEME, "Decubitus"),
        CtRefusalReason.GANTRY_TILT: Code("R-GANTRY-TILT", PRIVATE_SCHEME, "Gantry tilt"),
        CtRefusalReason.DUPLICATED_SLICES: Code(
            "R-DOUBLE-SLICES", PRIVATE_SCHEME, "More than one slice at one position"
        ),
        CtRefusalReason.MISSING_SLICES: Code(
            "R-MISSING-SLICES", PRIVATE_SCHEME, "Slices are missing"
        ),
        CtRefusalReason.UNEVEN_SPACING: Code(
            "R-UNEVEN", PRIVATE_SCHEME, "Slices are not evenly spaced"
        ),
        CtRefusalReason.TOO_THICK: Code("R-TOO-THICK", PRIVATE_SCHEME, "Slices are too far apart"),
        CtRefusalReason.UNDECODABLE: Code(
            "R-UNDECODABLE", PRIVATE_SCHEME, "Pixel data cannot be decoded"
        ),
        CtRefusalReason.CONTRADICTORY: Code(
            "R-CONTRADICTORY", PRIVATE_SCHEME, "Pixel data contradicts the header"
        ),
        CtRefusalReason.UNSUPPORTED_COMPRESSION: Code(
            "R-COMPRESSION", PRIVATE_SCHEME, "Compression not supported"
        ),
        CtRefusalReason.FIELD_OF_VIEW: Code(
            "R-FIELD-OF-VIEW", PRIVATE_SCHEME, "Field of view does not hold the chest"
        ),
        CtRefusalReason.NO_LUNGS: Code(
            "R-NO-LUNGS", PRIVATE_SCHEME, "No lungs in the field of view"
        ),
    }
)
