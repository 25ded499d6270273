"""Patient and study modules, copied from the source image (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).

The tables name every attribute that goes from a source into its results. A value that the Standard
does not allow is repaired where that needs no guess, and left out (or empty, where the attribute
must be there) where it does; either is logged by the attribute's name, never its value.
"""

from pydicom.dataset import Dataset

from sr_templates.source_attributes import SourceAttributes, log_left_out

# What archives file an object by: repeated as it stands, because it refers to the images' place.
FILED_BY = ("PatientID", "StudyInstanceUID")
# Types 2: written even when empty.
PATIENT_REQUIRED = ("PatientName", "PatientBirthDate", "PatientSex")
STUDY_REQUIRED = (
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


def copy_patient_and_study(attributes: SourceAttributes, target: Dataset) -> None:
    """Write the patient and study modules of ``target`` from a source's valid attributes."""
    for keyword in FILED_BY:
        value = attributes.as_it_stands(keyword)
        _set(target, keyword, [value] if value else [], keep_empty=True)
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
        log_left_out("ResponsiblePerson")


def _copy_clinical_trial(attributes: SourceAttributes, target: Dataset) -> None:
    required = {keyword: attributes.values(keyword) for keyword in TRIAL_REQUIRED}
    subject = {keyword: attributes.values(keyword) for keyword in TRIAL_SUBJECT}
    if not all(required.values()) or not any(subject.values()):
        return
    for keyword, values in (required | subject).items():
        _set(target, keyword, values)
    for keyword in TRIAL_EMPTY:
        _set(target, keyword, attributes.values(keyword), keep_empty=True)
    _set(target, "ClinicalTrialTimePointID", attributes.values("ClinicalTrialTimePointID"))


def _set(target: Dataset, keyword: str, values: list[str], *, keep_empty: bool = False) -> None:
    if values:
        setattr(target, keyword, values if len(values) > 1 else values[0])
    elif keep_empty:
        setattr(target, keyword, None)
