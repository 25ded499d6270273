"""The coded concepts that the templates use, by the names the Standard gives them (PS3.16).

Every triple stands here once; the templates name concepts and never spell codes. What no standard
scheme has (the probability of one named finding, the reasons for not analysing an image) stands in
the node's own scheme, which each object declares in its Coding Scheme Identification Sequence.
"""

from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.prediction import Code as PredictionCode
from ai_engine.prediction import RefusalReason, RemarkKind
from sr_templates.repair import shortened

_MEANING = 64  # characters of Code Meaning (0008,0104), VR LO

# --- The node's own coding scheme (PS3.3 C.12.1.1.1: designators of private schemes start with 99)
PRIVATE_SCHEME = "99AINODE"
PRIVATE_SCHEME_NAME = "AI integration node result codes"

# --- Document, observer and procedure (TID 1500, 1001 to 1004)
IMAGING_MEASUREMENT_REPORT = Code("126000", "DCM", "Imaging Measurement Report")
# For a report without a measurement, of which none of CID 7021 (extensible) speaks.
RADIOLOGY_OBSERVATION = Code("18782-3", "LN", "Radiology Study observation")
PROCEDURE_REPORTED = Code("121058", "DCM", "Procedure reported")
OBSERVER_TYPE = Code("121005", "DCM", "Observer Type")
DEVICE = Code("121007", "DCM", "Device")
PERSON = Code("121006", "DCM", "Person")
LANGUAGE_OF_CONTENT = Code("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH_US = Code("en-US", "RFC5646", "English (United States)")

# --- Image library (TID 1600 to 1604)
IMAGE_LIBRARY = Code("111028", "DCM", "Image Library")
IMAGE_LIBRARY_GROUP = Code("126200", "DCM", "Image Library Group")
SOURCE = Code("260753009", "SCT", "Source")
MODALITY = Code("121139", "DCM", "Modality")
STUDY_DATE = Code("111060", "DCM", "Study Date")
STUDY_TIME = Code("111061", "DCM", "Study Time")
CONTENT_DATE = Code("111018", "DCM", "Content Date")
CONTENT_TIME = Code("111019", "DCM", "Content Time")
ACQUISITION_DATE = Code("126201", "DCM", "Acquisition Date")
ACQUISITION_TIME = Code("126202", "DCM", "Acquisition Time")
FRAME_OF_REFERENCE_UID = Code("112227", "DCM", "Frame of Reference UID")
SLICE_THICKNESS = Code("112225", "DCM", "Slice Thickness")
IMAGE_LATERALITY = Code("111027", "DCM", "Image Laterality")
PIXEL_DATA_ROWS = Code("110910", "DCM", "Pixel Data Rows")
PIXEL_DATA_COLUMNS = Code("110911", "DCM", "Pixel Data Columns")
PATIENT_ORIENTATION_ROW = Code("111044", "DCM", "Patient Orientation Row")
PATIENT_ORIENTATION_COLUMN = Code("111043", "DCM", "Patient Orientation Column")
HORIZONTAL_PIXEL_SPACING = Code("111026", "DCM", "Horizontal Pixel Spacing")
VERTICAL_PIXEL_SPACING = Code("111066", "DCM", "Vertical Pixel Spacing")

# --- Findings (TID 1410, 1419)
IMAGING_MEASUREMENTS = Code("126010", "DCM", "Imaging Measurements")
FINDING = Code("121071", "DCM", "Finding")
MEASUREMENT_GROUP = Code("125007", "DCM", "Measurement Group")
TRACKING_UNIQUE_IDENTIFIER = Code("112040", "DCM", "Tracking Unique Identifier")
VOLUME = Code("118565006", "SCT", "Volume")
IMAGE_REGION = Code("111030", "DCM", "Image Region")
OUTLINE = Code("111041", "DCM", "Outline")
PROBABILITY = Code("122157", "DCM", "Probability")
THRESHOLD_VALUE = Code("122411", "DCM", "Threshold Value")
DERIVATION = Code("121401", "DCM", "Derivation")
MEASUREMENT_METHOD = Code("370129005", "SCT", "Measurement Method")
CALCULATED = Code("258090004", "SCT", "Calculated")
ESTIMATED = Code("414135002", "SCT", "Estimated")
MEAN = Code("373098007", "SCT", "Mean")
CLASSIFICATION = Code("image-class", PRIVATE_SCHEME, "Classification by a neural network")
PERCENT = Code("%", "UCUM", "percent")
PIXELS = Code("{pixels}", "UCUM", "Pixels")
MILLIMETER = Code("mm", "UCUM", "mm")

# --- Image-level results (TID 1500 rows 12 to 14, with concepts of TID 4100 and its includes)
QUALITATIVE_EVALUATIONS = Code("C0034375", "UMLS", "Qualitative Evaluations")
SUMMARY = Code("111017", "DCM", "CAD Processing and Findings Summary")
SUMMARY_OF_ANALYSES = Code("111065", "DCM", "Summary of Analyses")
NOT_ATTEMPTED = Code("111225", "DCM", "Not Attempted")
FAILED = Code("111224", "DCM", "Failed")
SOURCE_OF_MEASUREMENT = Code("121112", "DCM", "Source of Measurement")
IMPRESSION = Code("121073", "DCM", "Impression")
COMMENT = Code("121106", "DCM", "Comment")
REASON = Code("410666004", "SCT", "Reason")
POSITIVE = Code("10828004", "SCT", "Positive")
NEGATIVE = Code("260385009", "SCT", "Negative")
NORMAL = Code("17621005", "SCT", "Normal")
NO_FINDING = Code("cxr-no-finding", PRIVATE_SCHEME, "No finding")
UNDETERMINED = Code("373068000", "SCT", "Undetermined")
PRESENCE = MappingProxyType({True: POSITIVE, False: NEGATIVE, None: UNDETERMINED})
"""Whether a finding is there, in the word of a person; None where that cannot be told."""
LATERALITY = Code("272741003", "SCT", "Laterality")

# --- Comparison with an earlier result (TID 1502, CID 3407); no standard scheme has the rest
TIME_POINT = Code("C2348792", "UMLS", "Time Point")
PRIOR_REPORT = Code("122075", "DCM", "Prior report for current patient")
COMPARED_WITH_PRIOR = Code("prior-compared", PRIVATE_SCHEME, "Compared with prior study")
VALUE_AT_PRIOR = Code("prior-value", PRIVATE_SCHEME, "Value at prior study")
DIFFERENCE_FROM_PRIOR = Code("prior-difference", PRIVATE_SCHEME, "Difference from prior study")
VERIFIED_AT_PRIOR = Code("prior-verified", PRIVATE_SCHEME, "Verified at prior study")

# --- CID 6047 CAD Processing and Findings Summary
ALL_SUCCEEDED_WITHOUT_FINDINGS = Code("111241", "DCM", "All algorithms succeeded; without findings")
ALL_SUCCEEDED_WITH_FINDINGS = Code("111242", "DCM", "All algorithms succeeded; with findings")
NOT_ALL_SUCCEEDED_WITHOUT_FINDINGS = Code(
    "111243", "DCM", "Not all algorithms succeeded; without findings"
)
NOT_ALL_SUCCEEDED_WITH_FINDINGS = Code(
    "111244", "DCM", "Not all algorithms succeeded; with findings"
)
NONE_SUCCEEDED = Code("111245", "DCM", "No algorithms succeeded; without findings")

# --- Equipment and derivation (CID 7005, 7202, 7203)
PROCESSING_EQUIPMENT = Code("109102", "DCM", "Processing Equipment")
PROCESSING_ALGORITHM = Code("processing-alg", PRIVATE_SCHEME, "Processing Algorithm")
SOURCE_IMAGE = Code("121322", "DCM", "Source image for image processing operation")
RESAMPLED = Code("113085", "DCM", "Spatial resampling")
PIXEL_SUBTRACTION = Code("113062", "DCM", "Pixel by pixel subtraction")
BONES_SUPPRESSED = Code("bone-suppression", PRIVATE_SCHEME, "Bone suppression")
BONES_ESTIMATED = Code("bone-estimation", PRIVATE_SCHEME, "Bone estimation")

# --- Segmentation (CID 7150, 7162, 7203)
MORPHOLOGICALLY_ABNORMAL = Code("49755003", "SCT", "Morphologically Abnormal Structure")
ARTIFICIAL_INTELLIGENCE = Code("123110", "DCM", "Artificial Intelligence")
SEGMENTED = Code("113076", "DCM", "Segmentation")

# --- Parametric map (CID 7180 has no class activation, CID 7203 no way to compute one)
QUANTITY = Code("246205007", "SCT", "Quantity")
NO_UNITS = Code("1", "UCUM", "no units")
CLASS_ACTIVATION = Code("class-activation", PRIVATE_SCHEME, "Class activation")
ACTIVATION_MAPPED = Code("activation-map", PRIVATE_SCHEME, "Class activation mapping")

# --- Encapsulated document (CID 7020)
IMAGING_REPORT = Code("18748-4", "LN", "Diagnostic Imaging Report")

# --- Key object selection (TID 2010, CID 7010, 7011)
OF_INTEREST = Code("113000", "DCM", "Of Interest")
REJECTED_FOR_QUALITY = Code("113001", "DCM", "Rejected for Quality Reasons")
DOCUMENT_TITLE_MODIFIER = Code("113011", "DCM", "Document Title Modifier")
KEY_OBJECT_DESCRIPTION = Code("113012", "DCM", "Key Object Description")
OTHER_FAILURE = Code("111220", "DCM", "Other failure")

# --- Procedure reported (CID 100, with the commonest procedures of this node)
CHEST_RADIOGRAPHY = Code("399208008", "SCT", "Plain X-ray of chest")
RADIOGRAPHY = Code("43468-8", "LN", "XR unspecified body region")
COMPUTED_TOMOGRAPHY = Code("25045-6", "LN", "CT unspecified body region")
CHEST_CT = Code("24627-2", "LN", "CT Chest")
IMAGING_PROCEDURE = Code("363679005", "SCT", "Imaging procedure")

# --- CID 29 Acquisition Modality and CID 244 Laterality, by the attributes' values
MODALITIES = MappingProxyType(
    {
        "CR": Code("CR", "DCM", "Computed Radiography"),
        "CT": Code("CT", "DCM", "Computed Tomography"),
        "DX": Code("DX", "DCM", "Digital Radiography"),
        "MG": Code("MG", "DCM", "Mammography"),
        "MR": Code("MR", "DCM", "Magnetic Resonance"),
        "RF": Code("RF", "DCM", "Radiofluoroscopy"),
        "RG": Code("RG", "DCM", "Radiographic imaging"),
        "US": Code("US", "DCM", "Ultrasound"),
        "XA": Code("XA", "DCM", "X-Ray Angiography"),
    }
)
LATERALITIES = MappingProxyType(
    {
        "R": Code("24028007", "SCT", "Right"),
        "L": Code("7771000", "SCT", "Left"),
        "B": Code("51440002", "SCT", "Right and left"),
    }
)

# What a reader must know of how a result came about; no standard scheme has concepts for it.
REMARK = Code("REMARK", PRIVATE_SCHEME, "Remark on the analysis")
REMARKS = MappingProxyType(
    {
        RemarkKind.TAGS_DISAGREE: Code(
            "R-TAGS-DISAGREE", PRIVATE_SCHEME, "Header and pixels disagree"
        ),
        RemarkKind.TRIAGE: Code("R-TRIAGE", PRIVATE_SCHEME, "Triage"),
        RemarkKind.LATERAL_USED: Code(
            "R-LATERAL-USED", PRIVATE_SCHEME, "Judged with the lateral image"
        ),
        RemarkKind.LATERAL_MISSING: Code("R-NO-LATERAL", PRIVATE_SCHEME, "No lateral image"),
        RemarkKind.HEADER_JOINED: Code(
            "R-HEADER-JOINED", PRIVATE_SCHEME, "Header joined with pixels"
        ),
        RemarkKind.CHANNELS_GIVEN: Code("R-CHANNELS", PRIVATE_SCHEME, "Given further channels"),
        RemarkKind.FOR_PROCESSING: Code(
            "R-FOR-PROCESSING", PRIVATE_SCHEME, "Image for processing left out"
        ),
        RemarkKind.HEADER_VALUES: Code(
            "R-HEADER-VALUES", PRIVATE_SCHEME, "Header values not valid"
        ),
        RemarkKind.PATIENT_DECIDED: Code(
            "R-DECIDED", PRIVATE_SCHEME, "Patient decided by a person"
        ),
        RemarkKind.OUTSIDE_LUNGS: Code(
            "R-OUTSIDE-LUNGS",
            PRIVATE_SCHEME,
            "Attention outside the lungs, location not reliable",
        ),
        RemarkKind.UNLIKE_TRAINING: Code(
            "R-UNLIKE", PRIVATE_SCHEME, "Image unlike the training data"
        ),
        RemarkKind.LUNGS_CUT: Code("R-LUNGS-CUT", PRIVATE_SCHEME, "Lungs not whole"),
        RemarkKind.HEART_SIDE: Code("R-HEART-SIDE", PRIVATE_SCHEME, "Heart on the other side"),
        RemarkKind.AGE_OUTSIDE: Code("R-AGE", PRIVATE_SCHEME, "Age outside the model's limits"),
        RemarkKind.AGE_UNKNOWN: Code("R-AGE-UNKNOWN", PRIVATE_SCHEME, "Age unknown"),
        RemarkKind.MEASURED: Code("R-MEASURED", PRIVATE_SCHEME, "Measured"),
        RemarkKind.LUNGS_UNKNOWN: Code(
            "R-NO-LUNGS", PRIVATE_SCHEME, "Lungs not outlined, location not checked"
        ),
        RemarkKind.UNCERTAIN: Code(
            "R-UNCERTAIN", PRIVATE_SCHEME, "Result uncertain, near the threshold"
        ),
        RemarkKind.TELLS_ABNORMAL: Code(
            "R-ABNORMAL-ONLY", PRIVATE_SCHEME, "Tells abnormal, not which disease"
        ),
        RemarkKind.HEADER_CORRECTED: Code(
            "R-CORRECTED", PRIVATE_SCHEME, "Pixels read other than the header states"
        ),
        RemarkKind.ORDER_FOUND: Code("R-ORDER", PRIVATE_SCHEME, "Order found in a worklist"),
        RemarkKind.IMAGES_FETCHED: Code(
            "R-FETCHED", PRIVATE_SCHEME, "Images fetched from an archive"
        ),
        RemarkKind.MAY_BE_INCOMPLETE: Code("R-INCOMPLETE", PRIVATE_SCHEME, "May be incomplete"),
        RemarkKind.TRANSFER_INTERRUPTED: Code(
            "R-INTERRUPTED", PRIVATE_SCHEME, "Transfer interrupted"
        ),
    }
)

# Remarks that say that images of a study may have been missing, and that what was there to be
# analysed was not whole.
MISSING_IMAGES = frozenset({RemarkKind.TRANSFER_INTERRUPTED, RemarkKind.MAY_BE_INCOMPLETE})
INCOMPLETE = MISSING_IMAGES | {RemarkKind.LUNGS_CUT}

REFUSAL_REASONS = MappingProxyType(
    {
        RefusalReason.NO_PIXELS: Code("R-NO-PIXELS", PRIVATE_SCHEME, "No pixel data"),
        RefusalReason.UNDECODABLE: Code(
            "R-UNDECODABLE", PRIVATE_SCHEME, "Pixel data cannot be decoded"
        ),
        RefusalReason.UNSUPPORTED_PHOTOMETRIC: Code(
            "R-PHOTOMETRIC", PRIVATE_SCHEME, "Photometric interpretation not supported"
        ),
        RefusalReason.NOT_FRONTAL_CHEST: Code(
            "R-NOT-CHEST", PRIVATE_SCHEME, "Not a frontal chest radiograph"
        ),
        RefusalReason.NOT_LATERAL_CHEST: Code(
            "R-NOT-LATERAL", PRIVATE_SCHEME, "Not a lateral chest radiograph"
        ),
        RefusalReason.NOT_EXPECTED: Code(
            "R-NOT-EXPECTED", PRIVATE_SCHEME, "Not what the model is for"
        ),
        RefusalReason.AGE_OUTSIDE: Code("R-AGE", PRIVATE_SCHEME, "Age outside the model's limits"),
        RefusalReason.LOCALIZER: Code(
            "R-LOCALIZER", PRIVATE_SCHEME, "A localizer of CT, not a radiograph"
        ),
        RefusalReason.UNPAIRED: Code(
            "R-UNPAIRED", PRIVATE_SCHEME, "Lateral image without a frontal one"
        ),
        RefusalReason.EMPTY_EXPOSURE: Code(
            "R-NO-CONTRAST", PRIVATE_SCHEME, "Image has no usable contrast"
        ),
        RefusalReason.TOO_SMALL: Code("R-TOO-SMALL", PRIVATE_SCHEME, "Image is too small"),
        RefusalReason.TOO_LARGE: Code("R-TOO-LARGE", PRIVATE_SCHEME, "Image is too large"),
        RefusalReason.UNSUPPORTED_COMPRESSION: Code(
            "R-COMPRESSION", PRIVATE_SCHEME, "Compression not supported"
        ),
        RefusalReason.CONTRADICTORY: Code(
            "R-CONTRADICTORY", PRIVATE_SCHEME, "Pixel data contradicts the header"
        ),
        RefusalReason.BITS_UNCLEAR: Code(
            "R-BITS", PRIVATE_SCHEME, "Header does not tell where the bits of the pixels are"
        ),
        RefusalReason.UNREADABLE_VALUE: Code(
            "R-UNREADABLE", PRIVATE_SCHEME, "Header value cannot be read"
        ),
        RefusalReason.NO_PHOTOMETRIC: Code(
            "R-NO-PHOTOMETRIC", PRIVATE_SCHEME, "Photometric interpretation is missing"
        ),
        RefusalReason.SLOPE_ZERO: Code("R-SLOPE-ZERO", PRIVATE_SCHEME, "Rescale slope is zero"),
        RefusalReason.INVALID_LUT: Code(
            "R-LUT", PRIVATE_SCHEME, "Modality lookup table cannot be applied"
        ),
        RefusalReason.ANALYSIS_FAILED: Code("R-FAILED", PRIVATE_SCHEME, "Analysis failed"),
        RefusalReason.NO_MODEL: Code("R-NO-MODEL", PRIVATE_SCHEME, "No model for this study"),
        RefusalReason.NO_IMAGE_MODEL: Code(
            "R-NO-IMAGE-MODEL", PRIVATE_SCHEME, "No model for this image"
        ),
        RefusalReason.SEVERAL_PATIENTS: Code(
            "R-SEVERAL", PRIVATE_SCHEME, "More than one patient in the study"
        ),
        RefusalReason.CAME_TWICE: Code(
            "R-CAME-TWICE", PRIVATE_SCHEME, "Came again with other content"
        ),
        RefusalReason.MULTIFRAME: Code(
            "R-MULTIFRAME", PRIVATE_SCHEME, "More frames than the model accepts"
        ),
        RefusalReason.SUSPENDED: Code(
            "R-SUSPENDED", PRIVATE_SCHEME, "Model is suspended for this device"
        ),
    }
)


def concept(code: PredictionCode) -> Code:
    """Give a prediction's code as the SR content items take it."""
    return Code(code.value, code.scheme, shortened(code.meaning, _MEANING))


def probability_of(finding: PredictionCode, title: str) -> Code:
    """Name the probability of one finding, so that a viewer's label says which finding it is.

    Viewers show a NUM's concept name and not the group's Finding; "Probability: 87 %" would not
    say of what.
    """
    words = shortened(f"Probability of {_lower_first(title)}", _MEANING)
    return Code(f"P-{finding.value}", PRIVATE_SCHEME, words)


def code_item(code: Code, *equivalents: Code) -> Dataset:
    """Make an item of a code sequence (PS3.3 8.8), with equivalent codes (0008,0121) if any."""
    item = Dataset()
    keyword = "CodeValue" if len(code.value) <= 16 else "LongCodeValue"
    setattr(item, keyword, code.value)
    item.CodingSchemeDesignator = code.scheme_designator
    item.CodeMeaning = code.meaning
    if equivalents:
        item.EquivalentCodeSequence = [code_item(equivalent) for equivalent in equivalents]
    return item


def _lower_first(title: str) -> str:
    """Lower a title's first letter inside a phrase, but leave abbreviations alone."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]
