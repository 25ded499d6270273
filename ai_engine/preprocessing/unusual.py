"""What a header says of an image that makes it another than the usual radiograph.

An image made of others, a patient who lies on a side, a picture that is turned: pixels alone may
not show it, and a figure was not measured on such images. The words are fixed: values of the header
may hold a name.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from pydicom import Dataset
from pydicom.tag import Tag

from ai_engine.prediction import RemarkKind
from ai_engine.preprocessing.patient_context import ages_differ, is_unborn
from ai_engine.preprocessing.presentation_intent import FOR_PROCESSING, presentation_intent
from ai_engine.preprocessing.view_position import FRONTAL_VIEWS, view_named

DERIVED = (
    "The header says that the image is no plain exposure ({what}). What the model says of it was "
    "not measured on such images."
)
RAW = (
    "The header says that the image is for processing, as the detector made it, and not for "
    "reading. What the model says of it was not measured on such images."
)
ON_A_SIDE = (
    "The header says that the patient lies on a side (decubitus). What the model says of it was "
    "not measured on such images."
)
TILTED = (
    "The header says that the beam is tilted or comes from the side (lordotic, axial or "
    "cross-table view). What the model says of it was not measured on such images."
)
TURNED = (
    "Patient Orientation in the header is not that of the usual display (to the patient's left, to "
    "the feet). The pixels were read as they are, and sides in this result follow the usual "
    "display."
)
UNBORN = "The birth date lies after the study's date, and was not used."
AN_ANIMAL = (
    "A description in the header names an animal. The model was made for people, and what it says "
    "of animals was not measured."
)
AGES = "Patient's Age and the birth date contradict each other; neither was used."

_REJECTED = "rejected by its sender"
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "bones suppressed": r"bone\W?supp|bonesup|softvue|clearread|\brib supp",
        "dual energy": r"dual.?energy|dualenergy|soft.?tissue image|\bbone image\b",
        "a subtraction": r"subtract|\btemp sub\b",
        "a tomosynthesis": r"tomosynth|\btomo\b|volumerad",
        "several pictures in one": r"collage|stitched|stitching|composed|\bmontage\b",
        "marks of a program": r"\bai result|with overlay",
        "a screen capture": r"screen.?(save|shot|capture)|\bscreenshot",
        _REJECTED: r"\brejected (image|exposure)\b|\bdiscarded\b",
        "for quality control": (
            r"\bqa\b|\bqc\b|quality.?control|\bphantom\b(?! pain)|\btest image\b"
        ),
    }
)
_SAID_IN = ("ImageType", "SeriesDescription", "DerivationDescription", "ProtocolName")
# Words that say how an image was made only where nothing else is said. In free text they are
# articles (des poumons), diagnoses (CAD, rejection) or a lung's pattern (mosaic).
_MADE: Mapping[str, str] = MappingProxyType(
    {
        "bones suppressed": r"\bsuppress",
        "dual energy": r"\bdes\b",
        "several pictures in one": r"stitch|compos|mosaic",
        "marks of a program": r"\bcad\b|overlay",
        _REJECTED: r"\breject|\berror\b|\bdiscard",
    }
)
_SIDE = re.compile(r"\b(lld|rld|lldec|rldec|decub\w*|dekub\w*|dec|liegend seite)\b")
_TILT = re.compile(r"\b(lordot\w*|axial|xtable|xtlat|x.table|cross.?table|swimmer\w*)\b")
# In free text some of these are names of other things: only words that are hardly anything else.
_SORE = r"(ulc|ulk|sacr|sakr|wound|sore|heel|prophyla|pressure|escar)"
_SIDE_DESCRIBED = re.compile(r"\b(decub\w*|dekub\w*)\b")
_TILT_DESCRIBED = re.compile(r"\b(lordot\w*|xtable|x.table|cross.?table)\b")
# "Decubito supino" and "décubitus dorsal" are patients on their back, like most at the bedside; in
# Spanish, Italian and Portuguese so is "decúbito" of which nothing more is said. The word is that
# of a pressure sore, too.
_FLAT = r"(dorsal\w*|ventral\w*|supin\w*|pron[eoa]\w*)"
_LYING = r"(decub\w*|dekub\w*|dec)"
_NOT_ON_A_SIDE = re.compile(
    rf"\b({_SORE}\w*(\W+d\w{{1,2}})?\W+{_LYING}|{_LYING}\W+{_SORE}\w*|de[ck]ub\w*{_SORE}\w*|"
    rf"{_FLAT}\W+{_LYING}|{_LYING}\W+({_FLAT}|ap {_FLAT})|"
    r"decubito(?!\W+(ap\W+|pa\W+)?(lat|izq|der|esq|dir|sin|des|dx|sx|left|right)))\b"
)
# A canine is a tooth, too, a bovine arch or valve is a person's, and cats and mice are scans and
# devices.
_ANIMALS = re.compile(
    r"\b(canine(?! (tooth|teeth|fossa))|feline|equine|"
    r"bovine(?! (aort|arch|avr|bio|graft|mvr|patch|pericard|prosth|tavi|valve))|"
    r"veterinar\w*|veterinair\w*|tierarzt\w*|"
    r"(?<!scottie )dogs?(?! bites?)|hund|katze|собак\w*|кошк\w*)\b"
)
_DESCRIBED_IN = ("SeriesDescription", "ProtocolName")
# Views and positions by code, with what modifies them (PS3.3 C.8.11.5, CID 19 and 20, CID 4010).
_CODED_IN = (
    ("ViewCodeSequence", "ViewModifierCodeSequence"),
    ("PatientOrientationCodeSequence", "PatientOrientationModifierCodeSequence"),
)
_USUAL = re.compile(r"L[HFAP]{0,2}\\F[LRAP]{0,2}")
_DIRECTIONS = re.compile(r"[LRAPHF]{1,3}\\[LRAPHF]{1,3}")


def unusual(dataset: Dataset) -> Iterator[tuple[RemarkKind, str]]:
    """Yield what a reader must know of an image by its header, each a kind and a sentence."""
    found = _kinds(dataset)
    if not found and _is_for_quality_control(dataset):
        found = ["for quality control"]
    if found:
        yield RemarkKind.UNLIKE_TRAINING, DERIVED.format(what=", ".join(found))
    intent = _text(dataset, "PresentationIntentType")
    if presentation_intent(_text(dataset, "SOPClassUID"), intent) == FOR_PROCESSING:
        yield RemarkKind.UNLIKE_TRAINING, RAW
    view = _plain(_text(dataset, "ViewPosition"))
    described = _plain(" / ".join(_text(dataset, each) for each in _DESCRIBED_IN))
    described = " / ".join([described, *map(_plain, _meanings(dataset))])
    if _SIDE.search(_NOT_ON_A_SIDE.sub(" ", view)) or _SIDE_DESCRIBED.search(
        _NOT_ON_A_SIDE.sub(" ", described)
    ):
        yield RemarkKind.UNLIKE_TRAINING, ON_A_SIDE
    elif _TILT.search(view) or _TILT_DESCRIBED.search(described):
        yield RemarkKind.UNLIKE_TRAINING, TILTED
    shown = _text(dataset, "PatientOrientation").upper().replace(" ", "")
    if _is_frontal(view) and _DIRECTIONS.fullmatch(shown) and not _USUAL.fullmatch(shown):
        yield RemarkKind.TAGS_DISAGREE, TURNED
    if ages_differ(dataset):
        yield RemarkKind.HEADER_VALUES, AGES
    if is_unborn(dataset):
        yield RemarkKind.HEADER_VALUES, UNBORN
    if _ANIMALS.search(f"{described} / {_plain(_text(dataset, 'StudyDescription'))}"):
        yield RemarkKind.UNLIKE_TRAINING, AN_ANIMAL


def is_rejected(dataset: Dataset) -> bool:
    """Whether a header says that its image was rejected, or is one for quality control."""
    return _REJECTED in _kinds(dataset) or _is_for_quality_control(dataset)


def _kinds(dataset: Dataset) -> list[str]:
    """What other than a plain exposure a header says that its image is."""
    said = " ".join(_text(dataset, keyword) for keyword in _SAID_IN).casefold().replace("_", " ")
    made = _text(dataset, "ImageType").casefold().replace("_", " ")
    return [
        what
        for what, words in _KINDS.items()
        if re.search(words, said) or (what in _MADE and re.search(_MADE[what], made))
    ]


def _is_for_quality_control(dataset: Dataset) -> bool:
    return _text(dataset, "QualityControlImage").strip().upper() in {"YES", "Y", "TRUE"}


def _meanings(dataset: Dataset) -> Iterator[str]:
    """Yield the meanings of the codes of view and position, and of their modifiers."""
    for keyword, modifiers in _CODED_IN:
        for item in _items(dataset, keyword):
            for each in (item, *_items(item, modifiers)):
                yield _text(each, "CodeMeaning")


def _plain(text: str) -> str:
    """Text in small letters without accents, with spaces for underscores."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(each for each in apart if not unicodedata.combining(each)).replace("_", " ")


def _items(dataset: Dataset, keyword: str) -> list[Dataset]:
    try:
        return list(dataset.get(keyword) or ())
    except (TypeError, ValueError):
        return []


def _is_frontal(view: str) -> bool:
    """Whether a view is frontal, or may be: of a lateral one, rows run from front to back."""
    named = view_named(view)
    return named is None or named in FRONTAL_VIEWS


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as it is stored, several ones with the backslash between; "" where there is none."""
    if keyword not in dataset:
        return ""
    value = dataset.get_item(Tag(keyword)).value
    if isinstance(value, bytes):
        return _decoded(value).strip(" \0")
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str("" if value is None else value).strip(" \0")
    return "\\".join(str(each) for each in value)


def _decoded(value: bytes) -> str:
    """Words are looked for, which UTF-8 and Latin-1 cover; what is Latin-1 is hardly ever UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")
