"""The SOP Classes of Query/Retrieve that the node provides (PS3.4 Table C.6.1.3-1, C.6.2.3-1)."""

from collections.abc import Mapping
from types import MappingProxyType

from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_node.domain.application_entity import Operation
from dicom_node.query.information_model import PATIENT_ROOT, STUDY_ROOT, InformationModel

FIND_MODELS: Mapping[str, InformationModel] = MappingProxyType(
    {
        "1.2.840.10008.5.1.4.1.2.1.1": PATIENT_ROOT,
        "1.2.840.10008.5.1.4.1.2.2.1": STUDY_ROOT,
    }
)
MOVE_MODELS: Mapping[str, InformationModel] = MappingProxyType(
    {
        "1.2.840.10008.5.1.4.1.2.1.2": PATIENT_ROOT,
        "1.2.840.10008.5.1.4.1.2.2.2": STUDY_ROOT,
    }
)
GET_MODELS: Mapping[str, InformationModel] = MappingProxyType(
    {
        "1.2.840.10008.5.1.4.1.2.1.3": PATIENT_ROOT,
        "1.2.840.10008.5.1.4.1.2.2.3": STUDY_ROOT,
    }
)
# What an AE title must be permitted for each; whoever may move may also get.
QUERY_SOP_CLASSES: Mapping[str, Operation] = MappingProxyType(
    {
        **dict.fromkeys(FIND_MODELS, Operation.FIND),
        **dict.fromkeys(MOVE_MODELS, Operation.MOVE),
        **dict.fromkeys(GET_MODELS, Operation.MOVE),
    }
)
QUERY_TRANSFER_SYNTAXES: tuple[str, ...] = (
    str(ExplicitVRLittleEndian),
    str(ImplicitVRLittleEndian),
    str(DeflatedExplicitVRLittleEndian),
    str(ExplicitVRBigEndian),
)
