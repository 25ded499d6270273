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


def notices(remarks: Iterable[Remark]) -> tuple[str, ...]:
    """Return the words of those remarks that a picture must show, each once."""
    kinds = dict.fromkeys(remark.kind for remark in remarks)
    return tuple(NOTICES[kind] for kind in kinds if kind in NOTICES)


def is_incomplete(remarks: Iterable[Remark]) -> bool:
    """Whether the study may lack images, so that not all of it was analysed."""
    return any(remark.kind in codes.INCOMPLETE for remark in remarks)
