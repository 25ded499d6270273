"""A source's attributes as valid values (PS3.5 6.2): decoded, checked and repaired one by one.

What is not valid and cannot be repaired without a guess reads as absent. Either is logged by the
attribute's name, never its value.
"""

import logging
from types import MappingProxyType

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless

from sr_templates.character_set import CharacterSet, text_of
from sr_templates.repair import is_repeatable, repaired

logger = logging.getLogger(__name__)

RESPONSIBLE_PERSON_ROLES = (
    *("OWNER", "PARENT", "CHILD", "SPOUSE", "SIBLING", "RELATIVE", "GUARDIAN", "CUSTODIAN"),
    *("AGENT", "INVESTIGATOR", "VETERINARIAN"),
)
ENUMERATED = MappingProxyType(
    {
        "PatientSex": {"M": "M", "F": "F", "O": "O", "MALE": "M", "FEMALE": "F", "OTHER": "O"},
        "PatientSexNeutered": {"ALTERED": "ALTERED", "UNALTERED": "UNALTERED"},
        "PatientIdentityRemoved": {"YES": "YES", "NO": "NO"},
        "ResponsiblePersonRole": {role: role for role in RESPONSIBLE_PERSON_ROLES},
        "TypeOfPatientID": {"TEXT": "TEXT", "RFID": "RFID", "BARCODE": "BARCODE"},
    }
)
# Zero stands for "not measured" in many headers, and is not a size or weight that anybody has.
MEASURED = frozenset({"PatientSize", "PatientWeight"})
# An identifier that is cut short is another identifier: too long means left out.
IDENTIFIERS = frozenset(
    {
        *("PatientID", "AccessionNumber", "StudyID", "AdmissionID"),
        *("CodeValue", "CodingSchemeDesignator"),
    }
)


_ALWAYS_LOSSY = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLSNearLossless})


class SourceAttributes:
    """Valid values of a source's attributes, by keyword.

    ``left_out`` and ``repaired`` are the keywords of what was asked for and was not valid.
    """

    def __init__(self, source: Dataset) -> None:
        self.character_set = CharacterSet.of(source)
        self.left_out: set[str] = set()
        self.repaired: set[str] = set()
        self._source = source

    def values(self, keyword: str) -> list[str]:
        """Give the attribute's valid values in order, [] where there are none."""
        tag = Tag(keyword)
        text = text_of(self._source, tag, self.character_set)
        if not text.strip():
            return []
        parts = [part.strip(" \0") for part in self._split(keyword, text)]
        found = [self._valid(keyword, part) for part in parts if part]
        kept = [value for value in found if value]
        self._log(keyword, text, kept)
        return kept

    @property
    def is_lossy(self) -> bool:
        """Whether compression has cost the source something (PS3.3 C.7.6.1.1.5).

        Lossy Image Compression says so, or the transfer syntax that has no other way (PS3.5 8.2).
        """
        meta = getattr(self._source, "file_meta", None)
        is_coded_so = meta is not None and meta.get("TransferSyntaxUID") in _ALWAYS_LOSSY
        return is_coded_so or self.values("LossyImageCompression") == ["01"]

    def as_it_stands(self, keyword: str) -> str:
        """Give an identifier by which archives file an object, valid or not; "" where none can be.

        An archive knows the images by what they say. Whatever it makes of an identifier that is
        too long, or of a backslash in it, it makes of the result's as well, and files the two
        together; another value, even a valid or an empty one, would be another patient or study.
        """
        text = text_of(self._source, Tag(keyword), self.character_set).strip(" \0")
        is_kept = is_repeatable(text) if dictionary_VR(Tag(keyword)) == "UI" else text.isprintable()
        if text and not is_kept:
            self.left_out.add(keyword)
            log_left_out(keyword)
        return text if is_kept else ""

    def code_items(self, keyword: str) -> list[Dataset]:
        """Give the complete items of a code sequence (PS3.3 8.8), without their own sequences."""
        sequence = self._source.get(keyword)
        items = list(sequence) if sequence else []
        copies = [copy for item in items if (copy := self._code(item)) is not None]
        if len(copies) < len(items):
            self.left_out.add(keyword)
            log_left_out(keyword)
        return copies

    def _code(self, item: Dataset) -> Dataset | None:
        nested = SourceAttributes(item)
        nested.character_set = self.character_set
        copy = Dataset()
        for keyword in (
            "CodeValue",
            "LongCodeValue",
            "CodingSchemeDesignator",
            "CodingSchemeVersion",
            "CodeMeaning",
        ):
            if values := nested.values(keyword):
                setattr(copy, keyword, values[0])
        is_complete = "CodingSchemeDesignator" in copy and "CodeMeaning" in copy
        return copy if is_complete and ("CodeValue" in copy) != ("LongCodeValue" in copy) else None

    def _split(self, keyword: str, text: str) -> list[str]:
        vr = dictionary_VR(Tag(keyword))
        if vr in ("LT", "ST", "UT"):
            return [text]
        if dictionary_VM(Tag(keyword)) != "1":
            return text.split("\\")
        # One value is allowed, so a backslash inside it cannot have separated values.
        return [" ".join(text.split("\\"))]

    def _valid(self, keyword: str, part: str) -> str | None:
        vr = dictionary_VR(Tag(keyword))
        if keyword in IDENTIFIERS and len(part) > (16 if vr == "SH" else 64):
            return None
        if keyword in ENUMERATED:
            return ENUMERATED[keyword].get(part.upper())
        value = repaired(vr, part)
        return None if keyword in MEASURED and value and float(value) <= 0 else value

    def _log(self, keyword: str, text: str, kept: list[str]) -> None:
        if not kept:
            self.left_out.add(keyword)
            log_left_out(keyword)
        elif "\\".join(kept) != text.strip():
            self.repaired.add(keyword)
            logger.warning(
                "%s %s of the source is not valid as %s: repaired in the copy",
                keyword,
                Tag(keyword),
                dictionary_VR(Tag(keyword)),
            )


def log_left_out(keyword: str) -> None:
    """Log that an attribute is not copied, without its value."""
    logger.warning(
        "%s %s of the source is not valid: left out of the copy",
        keyword,
        Tag(tag_for_keyword(keyword) or 0),
    )
