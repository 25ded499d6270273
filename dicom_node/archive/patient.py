"""What an instance says of its patient, as marks that can be compared and tell nobody who it is."""

import json
from functools import lru_cache
from typing import Any

from dicom_node.domain.patient import PatientMarks, marks

_NAME, _ID, _ISSUER, _BIRTH_DATE = "00100010", "00100020", "00100021", "00100030"


# A series has hundreds of instances that say the same of their patient.
@lru_cache(maxsize=256)
def patient_marks(study_instance_uid: str, attributes: str) -> PatientMarks:
    """Return the marks of an instance.

    Parameters
    ----------
    attributes
        What the instance says of patient and study, in the DICOM JSON Model.
    """
    said = json.loads(attributes)
    name = _first(said, _NAME)
    return marks(
        study_instance_uid,
        patient_id=str(_first(said, _ID) or ""),
        issuer=str(_first(said, _ISSUER) or ""),
        name=name if isinstance(name, dict) else {},
        birth=str(_first(said, _BIRTH_DATE) or ""),
    )


def _first(said: dict[str, Any], tag: str) -> Any:
    return next(iter(said.get(tag, {}).get("Value", [])), None)
