"""What every evidence object has, whatever it holds (PS3.3 C.7.3.1, C.7.5.1, C.12.1)."""

from datetime import datetime, timedelta, timezone

from pydicom.dataset import Dataset

from ai_engine.prediction import ModelIdentity
from sr_templates import codes
from sr_templates.algorithm_identification import contributing_equipment
from sr_templates.context import EvidenceContext
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.file_meta import file_meta
from sr_templates.patient_study import copy_patient_and_study
from sr_templates.repair import long_string
from sr_templates.series_numbers import series_number
from sr_templates.source_attributes import SourceAttributes
from sr_templates.uids import series_uid


def new_instance(
    *,
    sop_class_uid: str,
    sop_instance_uid: str,
    instance_number: int,
    kind: EvidenceKind,
    model: ModelIdentity,
    attributes: SourceAttributes,
    context: EvidenceContext,
) -> Dataset:
    """Make an object of the source's study: Patient to SOP Common, without content.

    Parameters
    ----------
    attributes
        The source's attributes, from which the patient and study modules are copied.
    """
    dataset = Dataset()
    dataset.file_meta = file_meta(sop_class_uid, sop_instance_uid)
    copy_patient_and_study(attributes, dataset)
    _add_general_series(dataset, kind, model, context)
    _add_general_equipment(dataset, context)
    dataset.SOPClassUID = sop_class_uid
    dataset.SOPInstanceUID = sop_instance_uid
    dataset.InstanceNumber = instance_number
    _add_times(dataset, attributes, context)
    dataset.ContentQualification = "RESEARCH" if model.research_only else "PRODUCT"
    dataset.ContributingEquipmentSequence = [contributing_equipment(model, context)]
    dataset.CodingSchemeIdentificationSequence = [_private_scheme(context)]
    return dataset


def _add_general_series(
    dataset: Dataset, kind: EvidenceKind, model: ModelIdentity, context: EvidenceContext
) -> None:
    spec = EVIDENCE[kind]
    dataset.SeriesInstanceUID = series_uid(dataset.StudyInstanceUID, model, kind)
    dataset.SeriesNumber = series_number(context.series_number_base, model, spec.series_offset)
    dataset.Modality = spec.modality
    # What it is, whether it is research, which model.
    heading = f"{spec.heading} (research)" if model.research_only else spec.heading
    dataset.SeriesDescription = long_string(f"{heading}: {model.title}")


def _add_general_equipment(dataset: Dataset, context: EvidenceContext) -> None:
    dataset.Manufacturer = long_string(context.manufacturer)
    dataset.ManufacturerModelName = long_string(context.model_name)
    dataset.SoftwareVersions = long_string(context.software_version)
    dataset.DeviceSerialNumber = long_string(context.device_serial_number)
    if context.institution_name:
        dataset.InstitutionName = long_string(context.institution_name)


def _add_times(dataset: Dataset, attributes: SourceAttributes, context: EvidenceContext) -> None:
    """Series, content and creation time, in the study's time zone where the source states it.

    Timezone Offset From UTC speaks for every date and time in an object, the copied ones too, so
    it is written only where the source has it.
    """
    moment = context.content_datetime
    if offset := _timezone_offset(attributes):
        dataset.TimezoneOffsetFromUTC = offset
        moment = moment.astimezone(_timezone(offset))
    for prefix in ("Series", "Content", "InstanceCreation"):
        setattr(dataset, f"{prefix}Date", _date(moment))
        setattr(dataset, f"{prefix}Time", _time(moment))


def _timezone_offset(attributes: SourceAttributes) -> str | None:
    values = attributes.values("TimezoneOffsetFromUTC")
    text = values[0] if values else ""
    is_offset = len(text) == 5 and text[0] in "+-" and text[1:].isdecimal()
    return text if is_offset and int(text[1:3]) <= 14 and int(text[3:]) < 60 else None


def _timezone(offset: str) -> timezone:
    span = timedelta(hours=int(offset[1:3]), minutes=int(offset[3:]))
    return timezone(-span if offset[0] == "-" else span)


def _date(moment: datetime) -> str:
    return moment.strftime("%Y%m%d")


def _time(moment: datetime) -> str:
    return moment.strftime("%H%M%S.%f")


def _private_scheme(context: EvidenceContext) -> Dataset:
    """Item of Coding Scheme Identification Sequence for the node's own codes (PS3.3 C.12.1.1.1)."""
    item = Dataset()
    item.CodingSchemeDesignator = codes.PRIVATE_SCHEME
    item.CodingSchemeName = codes.PRIVATE_SCHEME_NAME
    item.CodingSchemeResponsibleOrganization = long_string(context.manufacturer)
    return item
