"""How labels are reported: the words and codes of findings and their site.

Codes are SNOMED CT's; what it has no one concept for stands in the node's own scheme. A label that
isn't here can be trained on but not reported.
"""

from ai_engine.errors import RecipeError
from ai_engine.library.card import Label
from ai_engine.prediction import Code

PRIVATE_SCHEME = "99AINODE"

LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")
BOTH_LUNGS = Code(value="74101002", scheme="SCT", meaning="Both lungs")
HEART = Code(value="80891009", scheme="SCT", meaning="Heart")
PLEURA = Code(value="3120008", scheme="SCT", meaning="Pleura")
CHEST = Code(value="51185008", scheme="SCT", meaning="Chest")
BODY = Code(value="38266002", scheme="SCT", meaning="Entire body")
MEDIASTINUM = Code(value="72410000", scheme="SCT", meaning="Mediastinum")


def _sct(value: str, meaning: str) -> Code:
    return Code(value=value, scheme="SCT", meaning=meaning)


def _own(value: str, meaning: str) -> Code:
    return Code(value=f"cxr-{value}", scheme=PRIVATE_SCHEME, meaning=meaning)


RADIOGRAPH = "X-ray"
NO_RADIOGRAPH = "not X-ray"
SLICE = "CT or MR slice"
FRONTAL, LATERAL = "Frontal", "Lateral"
OTHER = "Other"
NO_CLASS = frozenset({OTHER})
"""Labels that stand for everything that a network has no class for: never an answer."""

XRAY_TYPES = {
    "Spine": _sct("421060004", "Spine"),
    "Elbow": _sct("16953009", "Elbow joint"),
    "Finger": _sct("7569003", "Finger"),
    "Forearm": _sct("14975008", "Forearm"),
    "Hand": _sct("85562004", "Hand"),
    "Wrist": _sct("74670003", "Wrist joint"),
    "Knee": _sct("72696002", "Knee"),
    "Foot": _sct("56459004", "Foot"),
    "Ankle": _sct("70258002", "Ankle joint"),
    "Hip": _sct("24136001", "Hip joint"),
    "Humerus": _sct("85050009", "Humerus"),
    "Shoulder": _sct("16982005", "Shoulder"),
    "Dental": _sct("661005", "Jaw region"),
    "Chest": CHEST,
}
"""Paper 2's types of radiographs (table I), as the body parts of PS3.16 CID 4 that they show."""

OTHER_TYPES = {
    "Abdomen": _sct("818981001", "Abdomen"),
    OTHER: _own("other-part", "Other body part"),
}
"""Further types: of body parts that public sets have and table I has not, and of the others."""

VIEWS = {
    FRONTAL: _own("frontal", "Frontal radiograph"),
    LATERAL: _own("lateral", "Lateral radiograph"),
}
"""How an image was taken, in the words of View Position (0018,5101)."""

IMAGE_KINDS = {
    RADIOGRAPH: _own("radiograph", "Radiograph"),
    NO_RADIOGRAPH: _own("not-xray", "No radiograph"),
    SLICE: _own("slice", "Slice of CT or MR"),
}
"""What an image is, as paper 2's module I tells it; slices are of our own."""

OF_THE_IMAGE = frozenset({*IMAGE_KINDS, *XRAY_TYPES, *OTHER_TYPES, *VIEWS})
"""Labels that say what an image is of, and name no finding."""

FINDINGS = {
    "Atelectasis": _sct("46621007", "Atelectasis"),
    "Cardiomegaly": _sct("8186001", "Cardiomegaly"),
    "Effusion": _sct("60046008", "Pleural effusion"),
    "Infiltration": _sct("409609008", "Radiologic infiltrate of lung"),
    "Mass": _sct("309529002", "Lung mass"),
    "Nodule": _sct("786838002", "Nodule of lung"),
    "Pneumonia": _sct("233604007", "Pneumonia"),
    "Pneumothorax": _sct("36118008", "Pneumothorax"),
    "Consolidation": _sct("95436008", "Lung consolidation"),
    "Edema": _sct("19242006", "Pulmonary edema"),
    "Emphysema": _sct("87433001", "Pulmonary emphysema"),
    "Fibrosis": _sct("51615001", "Fibrosis of lung"),
    "Pleural_Thickening": _own("pleural-thickening", "Pleural thickening"),
    "Hernia": _sct("39839004", "Diaphragmatic hernia"),
    "No_Finding": _own("no-finding", "No finding"),
    "Abnormal": _sct("168734001", "Standard chest X-ray abnormal"),
    "Pleural Effusion": _sct("60046008", "Pleural effusion"),
    "Enlarged Cardiomediastinum": _own("enlarged-mediastinum", "Enlarged cardiomediastinum"),
    "Lung Lesion": _own("lung-lesion", "Lung lesion"),
    "Lung Opacity": _own("lung-opacity", "Lung opacity"),
    "Pleural Other": _own("pleural-other", "Other pleural abnormality"),
    "Fracture": _sct("125605004", "Fracture of bone"),
    "Support Devices": _own("support-devices", "Support devices"),
    "Normal": _sct("17621005", "Normal"),
    "No Lung Opacity / Not Normal": _own("other-abnormality", "Abnormal without lung opacity"),
    **IMAGE_KINDS,
    **XRAY_TYPES,
    **OTHER_TYPES,
    **VIEWS,
}
"""The labels of NIH ChestX-ray14, CheXpert and RSNA as those data sets name them, and paper 2's."""

_OTHER_SITES = {
    "Cardiomegaly": HEART,
    "Effusion": PLEURA,
    "Pleural Effusion": PLEURA,
    "Pleural_Thickening": PLEURA,
    "Pleural Other": PLEURA,
    "Pneumothorax": PLEURA,
    "Enlarged Cardiomediastinum": MEDIASTINUM,
    "Hernia": CHEST,
    "No_Finding": CHEST,
    "Abnormal": CHEST,
    "Fracture": CHEST,
    "Support Devices": CHEST,
    "Normal": CHEST,
    "No Lung Opacity / Not Normal": CHEST,
    **dict.fromkeys(IMAGE_KINDS, BODY),
    **XRAY_TYPES,
    "Abdomen": OTHER_TYPES["Abdomen"],
    OTHER: BODY,
    **dict.fromkeys(VIEWS, BODY),
}

BEYOND_LUNGS = frozenset(
    {"Cardiomegaly", "Enlarged Cardiomediastinum", "Hernia", "Fracture", "Support Devices"}
)
"""Findings on a chest radiograph that may lie where no lung is."""

TITLES = {"Abnormal": "Abnormal chest radiograph"}
"""Words shown to people where the code's meaning is awkward."""


def reported_label(name: str, *, threshold: float) -> Label:
    """The label as a card holds it.

    Raises
    ------
    RecipeError
        If the label has no code.
    """
    if name not in FINDINGS:
        known = ", ".join(sorted(FINDINGS))
        raise RecipeError(
            f"label {name!r} has no code to report it with (there are codes for {known}); "
            "add it to ai_engine/library/labels.py or make it an auxiliary label"
        )
    code = FINDINGS[name]
    title = TITLES.get(name, code.meaning)
    return Label(name=name, title=title, threshold=threshold, code=code, site=site_of(name))


def site_of(name: str) -> Code:
    """Where a finding lies; the lung for most."""
    return _OTHER_SITES.get(name, LUNG)
