"""A composite instance as the node received it, before anything has interpreted its pixels."""

from dataclasses import dataclass, field
from datetime import datetime

from dicom_node.domain.patient import PatientMarks


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedValue:
    """A coded concept as a source object wrote it (PS3.3 Section 8.8)."""

    value: str
    scheme: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceHeader:
    """What routing and the index need from a data set; never who the patient is.

    Attributes that the source left out, or wrote in a form that cannot be read, are ``None``.
    """

    modality: str | None = None
    body_part_examined: str | None = None
    view_position: str | None = None
    laterality: str | None = None
    manufacturer: str | None = None
    manufacturer_model_name: str | None = None
    device_serial_number: str | None = None
    series_description: str | None = None
    study_description: str | None = None
    protocol_name: str | None = None
    presentation_intent: str | None = None
    patient_species: str | None = None
    photometric_interpretation: str | None = None
    series_number: int | None = None
    instance_number: int | None = None
    series_related_instances: int | None = None
    study_related_instances: int | None = None
    rows: int | None = None
    columns: int | None = None
    number_of_frames: int | None = None
    image_type: tuple[str, ...] = ()
    anatomic_region: CodedValue | None = None
    view: CodedValue | None = None
    has_pixels: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAttributes:
    """What a query may ask of an instance, its series and its study, who the patient is included.

    Each is a text in the DICOM JSON Model (PS3.18 Annex F), made once and kept as it is. It goes
    from the data set to the database, and is never shown: not in logs, not in a value's ``repr``.
    """

    study: str = field(repr=False)
    series: str = field(repr=False)
    instance: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedInstance:
    """One SOP Instance that lies in the archive.

    ``path`` is relative to the archive's root. ``digest`` is the SHA-256 (hexadecimal) of the
    data set's bytes as they came over the wire and ``size`` their number. ``conflict`` says that
    another object with the same SOP Instance UID, but other bytes, was stored there before.
    ``patient`` tells whether instances of one study are of one patient, and not who it is.
    ``attributes`` come with an instance that was read from its data set, and not from the index.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    transfer_syntax_uid: str
    calling_ae: str
    called_ae: str
    path: str
    digest: str
    size: int
    received_at: datetime
    conflict: bool
    header: InstanceHeader
    patient: PatientMarks = field(default=PatientMarks(), repr=False)
    attributes: QueryAttributes | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """An object that is kept and not used: other content had come under its SOP Instance UID.

    ``study_instance_uid`` is its own study, ``counted_study_uid`` that of the object that counts.
    """

    sop_instance_uid: str
    study_instance_uid: str
    counted_study_uid: str
    calling_ae: str
    path: str
    received_at: datetime
