"""What the header of a CT series says that a reader of its figures must know.

An age that the card is not for, images that were computed from others, breathing that the method
was not made for: pixels alone may not show it. The words are fixed: values of a header may hold a
name.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from pydicom import Dataset
from pydicom.valuerep import PersonName

from ai_engine.ct.kernels import Kernel
from ai_engine.kinds.limits import remarks_on_age
from ai_engine.library.card import ModelCard
from ai_engine.prediction import Remark, RemarkKind
from ai_engine.preprocessing.header_values import word
from ai_engine.preprocessing.patient_context import ages_differ, read_patient_context
from ai_engine.preprocessing.unusual import AGES

NOT_PLAIN = (
    "The header says that these are no plain slices ({what}). The method was made for plain ones, "
    "in inspiration."
)
SHARP = (
    "The slices were made with a kernel for bone, which sharpens edges and noise: the percentages "
    "may be too high."
)

_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "computed from two energies": (
            r"\bVNC\b|\bVIRTUAL (NON|UN)|MONO ?E(NERGETIC)?\b|\bMONOENERG|\bMONO ?\+|\d ?KEV\b|"
            r"\bIODINE|\bIODIO\b|\bIODE\b|\bZ.?EFF|EFFECTIVE Z\b|ELECTRON DENSITY|\bWEIGHTED DE\b|"
            r"\bLUNG ?PBV\b|\bPERFUSED BLOOD\b"
        ),
        "a subtraction": r"\bSUBTRACT",
        "a perfusion study": r"\bPERFUSION",
        "for attenuation correction in shallow breathing": (
            r"\bCTAC\b|\bAC ?CT\b|\bACCT\b|\bATTENUATION CORR"
        ),
        "an average of breathing phases": r"\b(4D ?CT|AVE? ?(CT|IP)|AVERAGE ?(CT|IP)|AIP)\b",
        "in expiration": r"\bEXPIR|\bEXSPIR|\bESPIR|\bWYDECH|\bВЫДОХ",
        "by a cone beam": r"\bCBCT\b|\bCONE.?BEAM|\bDYNA ?CT\b|\bO.ARM\b",
    }
)
_SAID_IN = ("ImageType", "SeriesDescription", "ProtocolName", "DerivationDescription")
_QUALITY = re.compile(r"\bQA\b|\bQC\b|QUALITY.?CONTROL|\bPHANTOM(?! PAIN)|\bCONSTANCY\b")
_PHANTOM = re.compile(r"\bPHANTOM\b|\bCATPHAN")


def series_remarks(card: ModelCard, header: Dataset, kernel: Kernel) -> Iterator[Remark]:
    """Yield what must be said of a series that was measured.

    Parameters
    ----------
    card
        The model's card, which may name ages.
    header
        Of one of the series' objects.
    kernel
        What the series was reconstructed with.
    """
    uid = str(header.get("SOPInstanceUID", ""))
    yield from remarks_on_age(card, read_patient_context(header).age, uid)
    if ages_differ(header):
        yield Remark(kind=RemarkKind.HEADER_VALUES, sop_instance_uid=uid, detail=AGES)
    said = " ".join(_words(header, keyword) for keyword in _SAID_IN)
    found = [what for what, words in _KINDS.items() if re.search(words, said)]
    if _is_for_quality_control(header, said):
        found.append("for quality control")
    if found:
        detail = NOT_PLAIN.format(what=", ".join(found))
        yield Remark(kind=RemarkKind.UNLIKE_TRAINING, sop_instance_uid=uid, detail=detail)
    if kernel is Kernel.BONE:
        yield Remark(kind=RemarkKind.UNLIKE_TRAINING, sop_instance_uid=uid, detail=SHARP)


def _is_for_quality_control(header: Dataset, said: str) -> bool:
    """Whether a phantom was scanned: a study has one patient, and one purpose of that kind."""
    return bool(
        word(header, "QualityControlImage") == "YES"
        or _QUALITY.search(f"{said} {_words(header, 'StudyDescription')}")
        or _PHANTOM.search(re.sub(r"\W+", " ", _words(header, "PatientName")))
    )


def _words(header: Dataset, keyword: str) -> str:
    """A value in upper case with blanks between its words, several values one after the other."""
    if keyword not in header:
        return ""
    value = header.get(keyword)
    is_several = isinstance(value, Iterable) and not isinstance(value, str | PersonName)
    parts = list(value) if is_several else [value]
    return " ".join(str(part or "").upper().replace("_", " ").strip(" \0") for part in parts)
