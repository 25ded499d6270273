"""Which attributes can be asked for, at which level, and where stores keep them: one table.

QIDO-RS, UPS-RS, C-FIND of the worklists and of Query/Retrieve, the tables that are filled when an
instance is indexed and the translation to SQL all read it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.tag import BaseTag


class Level(StrEnum):
    """What is searched for: an entity of the archive, or an item of a worklist."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    INSTANCE = "IMAGE"
    STEP = "UPS"
    SCHEDULED = "MWL"

    @property
    def within(self) -> tuple["Level", ...]:
        """The levels whose attributes an entity of this one has: its own and those above."""
        archive = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE)
        return archive[: archive.index(self) + 1] if self in archive else (self,)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryKey:
    """One attribute that a query may name.

    ``path`` is a keyword, or keywords of nested sequences joined by dots. ``required``: the
    Standard wants it matched. ``returned``: every answer holds it, asked for or not. ``column``:
    what a store keeps it in to narrow a search; without one it is matched on the entity.
    ``counted``: made from what lies below, and so never read from an object. ``noted``: the column
    holds a note of the values (``dicom_node.query.notes``), which narrows and never decides.
    """

    path: str
    level: Level
    required: bool = False
    returned: bool = False
    column: str = ""
    counted: bool = False
    noted: bool = False

    @property
    def tag(self) -> "BaseTag":
        """The tag of the attribute, or of the sequence that it lies in."""
        return tag_of(self.path.partition(".")[0])

    @property
    def vr(self) -> str:
        """The VR of the attribute, or of the sequence that it lies in."""
        return vr_of(self.tag)


def tag_of(keyword: str) -> "BaseTag":
    """Return the tag of a keyword that the dictionary has."""
    # Tables are made of the keys' columns, by commands that meet no attribute.
    from pydicom.datadict import tag_for_keyword  # noqa: PLC0415
    from pydicom.tag import Tag  # noqa: PLC0415

    return Tag(tag_for_keyword(keyword) or keyword)


def vr_of(tag: "BaseTag") -> str:
    """Return the VR that values of an attribute are matched by; of several, the first.

    Raises
    ------
    KeyError
        The dictionary has no such attribute.
    """
    from pydicom.datadict import dictionary_VR  # noqa: PLC0415 - as above

    return dictionary_VR(tag).partition(" ")[0]


def _keys(level: Level, *rows: tuple[str, str, str]) -> tuple[QueryKey, ...]:
    """Rows are path, marks and column.

    Marks are ``r`` required, ``a`` always returned, ``c`` counted, ``n`` noted.
    """
    return tuple(
        QueryKey(
            path=path,
            level=level,
            required="r" in marks,
            returned="a" in marks,
            counted="c" in marks,
            noted="n" in marks,
            column=column,
        )
        for path, marks, column in rows
    )


# PS3.4 Tables C.6-1 to C.6-4 (and C.6-5 for Study Root), PS3.18 Tables 10.6.1-5 and 10.6.3-3 to -5.
ARCHIVE_KEYS: tuple[QueryKey, ...] = (
    *_keys(
        Level.PATIENT,
        ("PatientName", "ra", "patient_name"),
        ("PatientID", "ra", "patient_id"),
        ("IssuerOfPatientID", "", ""),
        ("PatientBirthDate", "a", "patient_birth_date"),
        ("PatientSex", "a", ""),
        ("OtherPatientIDs", "", ""),
        ("EthnicGroup", "", ""),
        ("NumberOfPatientRelatedStudies", "c", ""),
        ("NumberOfPatientRelatedSeries", "c", ""),
        ("NumberOfPatientRelatedInstances", "c", ""),
    ),
    *_keys(
        Level.STUDY,
        ("SpecificCharacterSet", "ac", ""),
        ("StudyInstanceUID", "ra", "study_instance_uid"),
        ("StudyDate", "ra", "study_date"),
        ("StudyTime", "ra", "study_time"),
        ("AccessionNumber", "ra", "accession_number"),
        ("StudyID", "ra", "study_id"),
        ("ReferringPhysicianName", "ra", "referring_physician_name"),
        ("ModalitiesInStudy", "rac", "modality"),
        ("SOPClassesInStudy", "c", "sop_class_uid"),
        ("StudyDescription", "a", ""),
        ("TimezoneOffsetFromUTC", "a", ""),
        ("NumberOfStudyRelatedSeries", "ac", ""),
        ("NumberOfStudyRelatedInstances", "ac", ""),
        ("NameOfPhysiciansReadingStudy", "", ""),
        ("ProcedureCodeSequence", "", ""),
        ("AdmissionID", "", ""),
        ("PatientAge", "", ""),
        ("PatientSize", "", ""),
        ("PatientWeight", "", ""),
    ),
    *_keys(
        Level.SERIES,
        ("SeriesInstanceUID", "ra", "series_instance_uid"),
        ("Modality", "ra", "modality"),
        ("SeriesNumber", "ra", "series_number"),
        ("SeriesDescription", "a", ""),
        ("PerformedProcedureStepStartDate", "ra", ""),
        ("PerformedProcedureStepStartTime", "ra", ""),
        ("RequestAttributesSequence", "ra", ""),
        ("NumberOfSeriesRelatedInstances", "ac", ""),
        ("SeriesDate", "", ""),
        ("SeriesTime", "", ""),
        ("BodyPartExamined", "", ""),
        ("Laterality", "", ""),
        ("ProtocolName", "", ""),
        ("PatientPosition", "", ""),
        ("PerformedProcedureStepID", "", ""),
        ("PerformedProcedureStepDescription", "", ""),
        ("PerformingPhysicianName", "", ""),
        ("OperatorsName", "", ""),
        ("InstitutionName", "", ""),
        ("InstitutionalDepartmentName", "", ""),
        ("StationName", "", ""),
        ("Manufacturer", "", ""),
        ("ManufacturerModelName", "", ""),
        ("DeviceSerialNumber", "", ""),
        ("SoftwareVersions", "", ""),
        ("FrameOfReferenceUID", "", ""),
    ),
    *_keys(
        Level.INSTANCE,
        ("SOPInstanceUID", "ra", "sop_instance_uid"),
        ("SOPClassUID", "ra", "sop_class_uid"),
        ("InstanceNumber", "ra", "instance_number"),
        ("Rows", "an", "rows"),
        ("Columns", "an", "columns"),
        ("BitsAllocated", "an", "bits_allocated"),
        ("NumberOfFrames", "an", "number_of_frames"),
        ("InstanceCreationDate", "n", "instance_creation_date"),
        ("InstanceCreationTime", "n", "instance_creation_time"),
        ("ContentDate", "n", "content_date"),
        ("ContentTime", "n", "content_time"),
        ("AcquisitionDate", "n", "acquisition_date"),
        ("AcquisitionTime", "n", "acquisition_time"),
        ("AcquisitionNumber", "n", "acquisition_number"),
        ("ImageType", "n", "image_type"),
        ("ImageLaterality", "n", "image_laterality"),
        ("ViewPosition", "n", "view_position"),
        ("PresentationIntentType", "n", "presentation_intent_type"),
        ("PhotometricInterpretation", "n", "photometric_interpretation"),
        ("ContentLabel", "n", "content_label"),
        ("ContentDescription", "n", "content_description"),
        ("CompletionFlag", "n", "completion_flag"),
        ("VerificationFlag", "n", "verification_flag"),
        ("ConceptNameCodeSequence", "n", "concept_name_code_sequence"),
    ),
)

_REQUEST = "ReferencedRequestSequence."
# PS3.4 Table CC.2.5-3, columns Match Key Type and Return Key Type.
STEP_KEYS: tuple[QueryKey, ...] = _keys(
    Level.STEP,
    ("SOPClassUID", "a", ""),
    ("SOPInstanceUID", "ra", "uids"),
    ("ProcedureStepState", "ra", "states"),
    ("ScheduledProcedureStepPriority", "ra", ""),
    ("ScheduledProcedureStepModificationDateTime", "ra", ""),
    ("ProcedureStepLabel", "ra", ""),
    ("WorklistLabel", "ra", ""),
    ("ScheduledProcedureStepStartDateTime", "ra", "scheduled"),
    ("ScheduledWorkitemCodeSequence", "ra", ""),
    ("ScheduledStationNameCodeSequence", "r", ""),
    ("ScheduledStationClassCodeSequence", "r", ""),
    ("ScheduledStationGeographicLocationCodeSequence", "r", ""),
    ("ScheduledHumanPerformersSequence", "ra", ""),
    ("InputReadinessState", "ra", ""),
    ("StudyInstanceUID", "ra", "study_instance_uids"),
    ("PatientName", "ra", "patient_name"),
    ("PatientID", "ra", "patient_id"),
    ("IssuerOfPatientID", "r", ""),
    ("PatientBirthDate", "ra", ""),
    ("PatientSex", "ra", ""),
    ("AdmissionID", "r", ""),
    ("ReferencedRequestSequence", "ra", ""),
    (_REQUEST + "StudyInstanceUID", "r", "study_instance_uids"),
    (_REQUEST + "AccessionNumber", "r", "accession_number"),
    (_REQUEST + "RequestedProcedureID", "r", ""),
)

_SCHEDULED = "ScheduledProcedureStepSequence."
# PS3.4 Table K.6-1; what an answer holds is what was asked for.
SCHEDULED_KEYS: tuple[QueryKey, ...] = _keys(
    Level.SCHEDULED,
    (_SCHEDULED + "ScheduledStationAETitle", "r", ""),
    (_SCHEDULED + "ScheduledProcedureStepStartDate", "r", "scheduled"),
    (_SCHEDULED + "ScheduledProcedureStepStartTime", "r", ""),
    (_SCHEDULED + "Modality", "r", ""),
    (_SCHEDULED + "ScheduledPerformingPhysicianName", "r", ""),
    ("PatientName", "r", "patient_name"),
    ("PatientID", "r", "patient_id"),
    ("AccessionNumber", "", "accession_number"),
    ("StudyInstanceUID", "", "study_instance_uids"),
    ("RequestedProcedureID", "", ""),
    ("ReferringPhysicianName", "", ""),
    ("AdmissionID", "", ""),
)


@lru_cache
def archive_keys(level: Level) -> "Mapping[BaseTag, QueryKey]":
    """Return the keys of a level of the archive and of those above it, by their tags."""
    return MappingProxyType({key.tag: key for key in ARCHIVE_KEYS if key.level in level.within})


def returned(keys: Iterable[QueryKey], level: Level) -> tuple[str, ...]:
    """Return the keywords that every answer at a level holds."""
    return tuple(key.path for key in keys if key.level is level and key.returned)
