"""Makes domain values for tests, with only what matters said."""

from datetime import UTC, datetime
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.archive.header import read_header
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.instance import InstanceHeader, QueryAttributes, ReceivedInstance
from tests.peers.objects import CR_IMAGE, encoded, make_dataset

STUDY = "1.2.826.0.1.1"
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def an_instance(uid: str = "1.2.826.0.1.1.1.1", **changes: Any) -> ReceivedInstance:
    """Return a chest radiograph that CR1 sent; ``header`` fields may be given by name."""
    own = {field: changes.pop(field) for field in list(changes) if field in _OWN}
    header = {
        "modality": "DX",
        "body_part_examined": "CHEST",
        "view_position": "PA",
        "rows": 64,
        "columns": 64,
        "has_pixels": True,
    }
    values: dict[str, Any] = {
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.1.1",
        "sop_instance_uid": uid,
        "study_instance_uid": STUDY,
        "series_instance_uid": f"{STUDY}.1",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "calling_ae": "CR1",
        "called_ae": "AINODE",
        "path": f"CR1/20260101/{STUDY}/{STUDY}.1/{uid}.dcm",
        "digest": f"{hash(uid):x}",
        "size": 1000,
        "received_at": EPOCH,
        "conflict": False,
    }
    return ReceivedInstance(**{**values, **own}, header=InstanceHeader(**{**header, **changes}))


def attributes_of(**keywords: Any) -> QueryAttributes:
    """Return what queries may ask of an object with these attributes."""
    dataset = make_dataset(**keywords)
    dataset.SpecificCharacterSet = "ISO_IR 192"
    return read_header(encoded(dataset), str(ExplicitVRLittleEndian)).attributes


def a_described_instance(
    uid: str = "1.2.1.1.1", *, study: str = "1.2.1", series: str = "1.2.1.1", **keywords: Any
) -> ReceivedInstance:
    """Return an instance with what queries may ask of it."""
    own = {
        "SOPInstanceUID": uid,
        "StudyInstanceUID": study,
        "SeriesInstanceUID": series,
        **keywords,
    }
    return an_instance(
        uid,
        study_instance_uid=study,
        series_instance_uid=series,
        sop_class_uid=str(own.get("SOPClassUID", CR_IMAGE)),
        path=f"CR1/20260101/{study}/{series}/{uid}.dcm",
        instance_number=own.get("InstanceNumber", 1),
        attributes=attributes_of(**own),
    )


def an_entity(title: str = "CR1", **changes: Any) -> ApplicationEntity:
    """Return a modality whose results go to PACS."""
    values: dict[str, Any] = {
        "title": title,
        "host": "127.0.0.1",
        "port": 104,
        "roles": frozenset({Role.MODALITY}),
        "destinations": ("PACS",),
        "quiet_period": 2.0,
    }
    return ApplicationEntity(**{**values, **changes})


_OWN = frozenset(ReceivedInstance.__dataclass_fields__) - {"header"}
