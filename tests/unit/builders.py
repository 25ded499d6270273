"""Makes domain values for tests, with only what matters said."""

from datetime import UTC, datetime
from typing import Any

from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.instance import InstanceHeader, ReceivedInstance

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
