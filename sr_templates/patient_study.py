"""Patient and study modules, copied from the source image (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).

The tables name every attribute that goes from a source into its results. A value that the Standard
does not allow is repaired where that needs no guess, and left out (or empty, where the attribute
must be there) where it does; either is logged by the attribute's name, never its value.
"""

import logging
from collections.abc import Iterator
from types import MappingProxyType

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from sr_templates.character_set import CharacterSet, text_of
from sr_templates.repair import repaired

logger = logging.getLogger(__name__)

# Types 2: written even when empty.
PATIENT_REQUIRED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex")
STUDY_REQUIRED = (
    "StudyInstanceUID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "StudyID",
)
# Type 3: written where the source has a valid value.
OPTIONAL = (
    "IssuerOfPatientID",
    "TypeOfPatientID",
    "PatientBirthTime",
    "OtherPatientNames",
    "EthnicGroup",
    "PatientSpeciesDescription",
    "PatientComments",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "StudyDescription",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "AdmittingDiagnosesDescription",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "PatientSexNeutered",
    "MedicalAlerts",
    "Allergies",
    "Occupation",
    "AdditionalPatientHistory",
    "AdmissionID",
    "ServiceEpisodeID",
)
CODE_SEQUENCES = (
    "PatientSpeciesCodeSequence",
    "PatientBreedCodeSequence",
    "DeidentificationMethodCodeSequence",
    "ProcedureCodeSequence",
    "ReasonForPerformedProcedureCodeSequence",
)
# Type 2C: for animals only (PS3.3 C.7.1.1).
ANIMAL = ("PatientBreedDescription", "ResponsiblePerson", "ResponsibleOrganization")
ANIMAL_SEQUENCES = ("PatientBreedCodeSequence", "BreedRegistrationSequence")
# Clinical Trial Subject and Study modules (PS3.3 C.7.1.3, C.7.2.3): all or nothing.
TRIAL_SUBJECT = ("ClinicalTrialSubjectID", "ClinicalTrialSubjectReadingID")
TRIAL_REQUIRED = ("ClinicalTrialSponsorName", "ClinicalTrialProtocolID")
TRIAL_EMPTY = ("ClinicalTrialProtocolName", "ClinicalTrialSiteID", "ClinicalTrialSiteName")

RESPONSIBLE_PERSON_ROLES = (
    *("OWNER", "PARENT", "CHILD", "SPOUSE", "SIBLING", "RELATIVE", "GUARDIAN", "CUSTODIAN"),
    *("AGENT", "INVESTIGATOR", "VETERINARIAN"),
)
ENUMERATED = MappingProxyType(
    {
        "PatientSex": {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F", "OTHER": "O"},
        "PatientSexNeutered": {"ALTERED": "ALTERED", "UNALTERED": "UNALTERED"},
        "PatientIdentityRemoved": {"YES": "YES", "NO": "NO"},
        "ResponsiblePersonRole": {role: role for role in RESPONSIBLE_PERSON_ROLES},
        "TypeOfPatientID": {"TEXT": "TEXT", "RFID": "RFID", "BARCODE": "BARCODE"},
    }
)
# Zero stands for "not measured" in many headers, and is not a size or weight that anybody has.
MEASURED = frozenset({"PatientSize", "PatientWeight"})
# An identifier that is cut short is another identifier: too long means left out.
IDENTIFIERS = frozenset({"PatientID", "AccessionNumber", "StudyID", "AdmissionID"})


class SourceAttributes:
    """Valid values of a source's attributes, by keyword."""

    def __init__(self, source: Dataset) -> None:
        self.character_set = CharacterSet.of(source)
        self._source = source

    def values(self, keyword: str) -> list[str]:
        """Give the attribute's valid values in order, [] where there are none."""
        tag = Tag(keyword)
        text = text_of(self._source, tag, self.character_set)
        if not text.strip():
            return []
        parts = [part.strip(" \0") for part in self._split(keyword, text)]
        found = [self._valid(keyword, part) for part in parts if part]
        kept = [value for value in found if value]
        self._log(keyword, text, kept)
        return kept

    def code_items(self, keyword: str) -> list[Dataset]:
        """Give the complete items of a code sequence (PS3.3 8.8), without their own sequences."""
        sequence = self._source.get(keyword)
        items = list(sequence) if sequence else []
        copies = [copy for item in items if (copy := self._code(item)) is not None]
        if len(copies) < len(items):
            _log_left_out(keyword)
        return copies

    def _code(self, item: Dataset) -> Dataset | None:
        nested = SourceAttributes(item)
        nested.character_set = self.character_set
        copy = Dataset()
        for keyword in (
            "CodeValue",
            "LongCodeValue",
            "CodingSchemeDesignator",
            "CodingSchemeVersion",
            "CodeMeaning",
        ):
            if values := nested.values(keyword):
                setattr(copy, keyword, values[0])
        is_complete = "CodingSchemeDesignator" in copy and "CodeMeaning" in copy
        return copy if is_complete and ("CodeValue" in copy) != ("LongCodeValue" in copy) else None

    def _split(self, keyword: str, text: str) -> list[str]:
        vr = dictionary_VR(Tag(keyword))
        if vr in ("LT", "ST", "UT"):
            return [text]
        if dictionary_VM(Tag(keyword)) != "1":
            return text.split("\\")
        # One value is allowed, so a backslash inside it cannot have separated values.
        return [" ".join(text.split("\\"))]

    def _valid(self, keyword: str, part: str) -> str | None:
        vr = dictionary_VR(Tag(keyword))
        if keyword in IDENTIFIERS and len(part) > (16 if vr == "SH" else 64):
            return None
        if keyword in ENUMERATED:
            return ENUMERATED[keyword].get(part.upper())
        value = repaired(vr, part)
        return None if keyword in MEASURED and value and float(value) <= 0 else value

    def _log(self, keyword: str, text: str, kept: list[str]) -> None:
        if not kept:
            _log_left_out(keyword)
        elif "\\".join(kept) != text.strip():
            logger.warning(
                "%s %s of the source is not valid as %s: repaired in the copy",
                keyword,
                Tag(keyword),
                dictionary_VR(Tag(keyword)),
            )


def copy_patient_and_study(attributes: SourceAttributes, target: Dataset) -> None:
    """Write the patient and study modules of ``target`` from a source's valid attributes."""
    for keyword in PATIENT_REQUIRED + STUDY_REQUIRED:
        _set(target, keyword, attributes.values(keyword), keep_empty=True)
    for keyword in OPTIONAL:
        _set(target, keyword, attributes.values(keyword))
    for keyword in CODE_SEQUENCES:
        if items := attributes.code_items(keyword):
            setattr(target, keyword, items)
    _copy_animal(attributes, target)
    _copy_clinical_trial(attributes, target)
    if "PatientIdentityRemoved" in target and not _names_method(target):
        # Identity Removed YES demands a method (type 1C); without one the statement is incomplete.
        del target.PatientIdentityRemoved


def _names_method(target: Dataset) -> bool:
    return target.PatientIdentityRemoved == "NO" or bool(
        "DeidentificationMethod" in target or "DeidentificationMethodCodeSequence" in target
    )


def _copy_animal(attributes: SourceAttributes, target: Dataset) -> None:
    if "PatientSpeciesDescription" not in target and "PatientSpeciesCodeSequence" not in target:
        return
    for keyword in ANIMAL:
        _set(target, keyword, attributes.values(keyword), keep_empty=True)
    for keyword in ANIMAL_SEQUENCES:
        if keyword not in target:
            setattr(target, keyword, [])
    if "PatientSexNeutered" not in target:
        target.PatientSexNeutered = None
    role = attributes.values("ResponsiblePersonRole")
    if target.ResponsiblePerson and role:
        target.ResponsiblePersonRole = role[0]
    elif target.ResponsiblePerson:
        # A responsible person without a role is invalid (type 1C).
        target.ResponsiblePerson = None
        _log_left_out("ResponsiblePerson")


def _copy_clinical_trial(attributes: SourceAttributes, target: Dataset) -> None:
    required = {keyword: attributes.values(keyword) for keyword in TRIAL_REQUIRED}
    subject = {keyword: attributes.values(keyword) for keyword in TRIAL_SUBJECT}
    if not all(required.values()) or not any(subject.values()):
        return
    for keyword, values in (required | subject).items():
        _set(target, keyword, values)
    for keyword in TRIAL_EMPTY:
        _set(target, keyword, attributes.values(keyword), keep_empty=True)
    for keyword in _present(attributes, "ClinicalTrialTimePointID"):
        _set(target, keyword, attributes.values(keyword))


def _present(attributes: SourceAttributes, *keywords: str) -> Iterator[str]:
    return (keyword for keyword in keywords if attributes.values(keyword))


def _set(target: Dataset, keyword: str, values: list[str], *, keep_empty: bool = False) -> None:
    if values:
        setattr(target, keyword, values if len(values) > 1 else values[0])
    elif keep_empty:
        setattr(target, keyword, None)


def _log_left_out(keyword: str) -> None:
    logger.warning(
        "%s %s of the source is not valid: left out of the copy",
        keyword,
        Tag(tag_for_keyword(keyword) or 0),
    )
