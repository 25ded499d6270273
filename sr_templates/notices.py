"""Remarks that put a result in doubt: they stand where nobody can pass them over."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ai_engine.prediction import Remark, RemarkKind
from sr_templates import codes

NOTICES: Mapping[RemarkKind, str] = MappingProxyType(
    {
        RemarkKind.TRANSFER_INTERRUPTED: "Transfer interrupted - images may be missing",
        RemarkKind.MAY_BE_INCOMPLETE: "May be incomplete - images may be missing",
    }
)
"""What concerns every picture of a study."""

IMAGE_NOTICES: Mapping[RemarkKind, str] = MappingProxyType(
    {
        RemarkKind.OUTSIDE_LUNGS: "Attention outside the lungs - location not reliable",
        RemarkKind.UNLIKE_TRAINING: "Image unlike the training data - result not reliable",
        RemarkKind.LUNGS_CUT: "Lungs not whole - result not reliable",
        RemarkKind.HEART_SIDE: "Heart seems on the other side - mirrored?",
        RemarkKind.AGE_OUTSIDE: "Patient's age outside the model's limits",
        RemarkKind.LUNGS_UNKNOWN: "Lungs not outlined - location not checked",
        RemarkKind.UNCERTAIN: "Result uncertain - near the threshold",
    }
)
"""What concerns pictures of the remark's own image."""


def notices(remarks: Iterable[Remark], sop_instance_uid: str = "") -> tuple[str, ...]:
    """Return the words of those remarks that a picture of an image must show, each once."""
    words = (
        NOTICES.get(remark.kind)
        or (remark.sop_instance_uid == sop_instance_uid and IMAGE_NOTICES.get(remark.kind))
        for remark in remarks
    )
    return tuple(dict.fromkeys(each for each in words if each))


def is_incomplete(remarks: Iterable[Remark]) -> bool:
    """Whether not all of the study was analysed: images may be missing, or lungs not whole."""
    return any(remark.kind in codes.INCOMPLETE for remark in remarks)
