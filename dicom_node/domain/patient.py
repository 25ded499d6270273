"""Whose a study is: what its instances say of their patient, compared without saying it again.

A Study Instance UID belongs to one patient (PS3.3 A.1.2.3). Where instances of one study name
several, every result would be filed under one of them, and perhaps under the wrong one: a person
has to decide. What is kept here are digests, different for each study: enough to see that two
instances disagree, and never who is meant.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_DIGITS = 16
# UNKNOWN, ANONYMOUS and 0000 stand for many; what a hospital hands out has a number.
_NUMBERED = re.compile(r"[1-9]")
# How umlauts are written where they cannot be: MUELLER is Müller, and nobody else.
_UMLAUTS = re.compile(r"(?<=[aou])e")
# Letters that Unicode does not take apart into one of ASCII and a mark.
_LETTERS = str.maketrans(
    {"ø": "o", "æ": "a", "œ": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "þ": "th", "ħ": "h"}
)
# Bytes of another character set read as Latin 1: signs and controls, or letters with marks alone.
# D´Arc, Gal·la, Mª, soft hyphens and spaces that do not break are read rightly, as a rule.
_MISREAD = re.compile(
    "[\x80-\x9f\xa1-\xa9\xab\xac\xae-\xb3\xb5\xb6\xb8\xb9\xbb-\xbf\xd7\xf7\ufffd]"
    "|[\xc0-\xff]{4}|[\xc0-\xff][\xaa\xad\xb4\xb7\xba]|\xc3\xa0"
)
# Scripts of which no word has letters of two.
_ALPHABETS = frozenset({"LATIN", "CYRILLIC", "GREEK"})
# A year, or a year and a month, perhaps with zeros for the rest: of a date that is not known.
_PART_OF_DATE = re.compile(r"(\d{4}|\d{6})(00){0,2}|0*|\d{4}0{4}")
_YEAR = re.compile(r"(1[89]|20)\d{2}")
_DAY_FIRST = re.compile(r"(\d{2})\.(\d{2})\.(\d{4})")
_MONTH_FIRST = re.compile(r"(\d{2})/(\d{2})/(\d{4})")
# O'Brien is OBrien.
_APOSTROPHES = re.compile(r"['’‘`´ʼʹ]")


class PatientAttribute(StrEnum):
    """What tells one patient from another (PS3.3 C.2.2), by its name in the Standard."""

    ID = "Patient ID (0010,0020)"
    ISSUER = "Issuer of Patient ID (0010,0021)"
    NAME = "Patient's Name (0010,0010)"
    BIRTH_DATE = "Patient's Birth Date (0010,0030)"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientMarks:
    """Digests of what an instance says of its patient; empty where it says nothing.

    ``name`` holds, for letters and for each script that has none, the digests of its words, and
    apart from these of their first letters. ``birth_date`` is of a day that is known in full,
    ``birth_year`` of the year of any date.
    """

    patient_id: str = ""
    issuer: str = ""
    birth_date: str = ""
    birth_year: str = ""
    name: tuple[tuple[str, ...], ...] = ()

    @property
    def key(self) -> str:
        """One digest of all of it."""
        words = "/".join("+".join(group) for group in self.name)
        return _digest(self.patient_id, self.issuer, self.birth_date or self.birth_year, words)


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientInStudy:
    """The instances of a study that name the same patient; ``keys`` are those of their marks."""

    keys: tuple[str, ...]
    sop_instance_uids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientDecision:
    """Whose a study is, as a person has decided.

    ``keys`` are the marks of the patient that was chosen, ``known`` those of all patients that the
    person saw: what comes later with other marks is for a person again. With ``is_same`` all of
    these are the chosen one, written differently; otherwise the others' images are left alone.
    """

    keys: tuple[str, ...]
    known: tuple[str, ...]
    is_same: bool
    actor: str
    at: datetime
    why: str

    def covers(self, patients: Iterable[PatientInStudy]) -> bool:
        """Whether the person saw every patient that the study names now."""
        return all(key in self.known for each in patients for key in each.keys)

    def takes(self, key: str) -> bool:
        """Whether an instance with this mark is the chosen patient's."""
        return key in self.keys or (self.is_same and key in self.known)


def marks(
    study_instance_uid: str, *, patient_id: str, issuer: str, name: Mapping[str, str], birth: str
) -> PatientMarks:
    """Digest what an instance says of its patient.

    Parameters
    ----------
    study_instance_uid
        Goes into each digest, so that none says of two studies that their patient is the same.
    patient_id, issuer, birth
        The attributes' values, decoded; case and padding do not count.
    name
        The component groups of the name that are not empty, by what they are called.
    """

    def digested(text: str) -> str:
        return _digest(study_instance_uid, text) if text else ""

    digits = _digits(birth)
    words: dict[str, set[str]] = {}
    for group in sorted(name):
        for kind, word in _said(name[group]):
            words.setdefault(kind, set()).add(digested(f"{kind}={word}"))
    return PatientMarks(
        patient_id=digested(patient_id.strip().casefold()),
        issuer=digested(issuer.strip().casefold()),
        birth_date=digested("" if _PART_OF_DATE.fullmatch(digits) else digits),
        birth_year=digested(found.group() if (found := _YEAR.match(digits)) else ""),
        name=tuple((digested(group), *sorted(words[group])) for group in sorted(words)),
    )


def patients_of(said: Mapping[str, PatientMarks]) -> tuple[PatientInStudy, ...]:
    """Sort the instances of a study by patient, those of the most instances first.

    Parameters
    ----------
    said
        The marks of each instance, by SOP Instance UID.
    """
    common = Counter(said.values())
    groups: list[list[PatientMarks]] = []
    for each in sorted(common, key=lambda one: (-common[one], one.key)):
        fitting = (g for g in groups if not any(contradictions(each, known) for known in g))
        if (group := next(fitting, None)) is None:
            groups.append([each])
        else:
            group.append(each)
    found = tuple(
        PatientInStudy(
            keys=tuple(sorted(each.key for each in group)),
            sop_instance_uids=tuple(sorted(uid for uid, one in said.items() if one in group)),
        )
        for group in groups
    )
    return tuple(sorted(found, key=lambda each: -len(each.sop_instance_uids)))


def contradictions(one: PatientMarks, other: PatientMarks) -> frozenset[PatientAttribute]:
    """Say in what two instances contradict each other; empty where they may be of one patient.

    Archives file by Patient ID, so that one without an ID is another patient there. Issuer, birth
    date and name contradict each other only where both are stated. Names agree where one has all
    words of the other, in any order: a middle name that is missing is no other patient.
    """
    differ = {
        PatientAttribute.ID: one.patient_id != other.patient_id,
        PatientAttribute.ISSUER: _both_and_other(one.issuer, other.issuer),
        PatientAttribute.BIRTH_DATE: _both_and_other(one.birth_date, other.birth_date)
        or _both_and_other(one.birth_year, other.birth_year),
        PatientAttribute.NAME: not _names_agree(one.name, other.name),
    }
    return frozenset(attribute for attribute, differs in differ.items() if differs)


def is_same_patient(patient_id: str, one: PatientMarks, other: PatientMarks) -> bool:
    """Whether two studies, one of them with this Patient ID, are surely of one patient.

    Their IDs are the same, and nothing contradicts. An ID that is given to whoever is not known
    (UNKNOWN, 0000) says that only where both state the same name and birth date as well, in full:
    a name that agrees may be a brother's.
    """
    if not patient_id.strip() or contradictions(one, other):
        return False
    is_stated = bool(one.name and one.birth_date) and one.name == other.name
    return (is_stated and one.birth_date == other.birth_date) or (
        _NUMBERED.search(patient_id) is not None
    )


def contradictions_within(said: Iterable[PatientMarks]) -> frozenset[PatientAttribute]:
    """Say in what the instances of a study contradict each other."""
    distinct = sorted(set(said), key=lambda each: each.key)
    return frozenset(
        attribute
        for index, one in enumerate(distinct)
        for other in distinct[index + 1 :]
        for attribute in contradictions(one, other)
    )


def difference_of(said: Iterable[PatientMarks], count: int) -> str:
    """Say how many patients a study names, and by which attributes they differ; no values."""
    differ = ", ".join(sorted(contradictions_within(said)))
    return f"its images name {count} different patients (they differ in {differ})"


def _both_and_other(one: str, other: str) -> bool:
    return bool(one and other and one != other)


def _names_agree(one: tuple[tuple[str, ...], ...], other: tuple[tuple[str, ...], ...]) -> bool:
    """Whether what both write in letters, or in one script, has in one of them all of the other."""
    mine, others = ({group[0]: frozenset(group[1:]) for group in each} for each in (one, other))
    shared = mine.keys() & others.keys()
    return all(mine[each] <= others[each] or others[each] <= mine[each] for each in shared)


def _digits(birth: str) -> str:
    """The digits of a birth date, as DICOM orders them."""
    text = birth.strip()
    if found := _DAY_FIRST.fullmatch(text):
        text = "".join(found.group(3, 2, 1))
    elif found := _MONTH_FIRST.fullmatch(text):
        text = "".join(found.group(3, 1, 2))
    return re.sub(r"\D", "", text)


def _said(name: str) -> Iterator[tuple[str, str]]:
    """Yield the words of a component group, each with what it may be compared with.

    A name in ideographs is no other than in letters, whichever group either is in; nor is one in
    whose place bytes of a wrong character set stand, but among such. A number in a name's place is
    a word as those in letters are. An initial stands for the word that it begins, so first letters
    are compared by themselves.
    """
    words = _words(name)
    alphabets = [frozenset(map(_script, word)) & _ALPHABETS for word in words]
    if _MISREAD.search(unicodedata.normalize("NFC", name)) or any(
        len(each) > 1 for each in alphabets
    ):
        if words:  # what was replaced altogether says nothing
            yield "misread", name.strip("^ ")
        return
    for word, of_word in zip(words, alphabets, strict=True):
        kind = "letters" if of_word or word.isascii() else _script(word[0])
        if len(word) > 1 or not of_word:
            yield kind, word
        yield "initial/" + kind, word[0]


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").partition(" ")[0]


def _words(name: str) -> tuple[str, ...]:
    """Split a component group into words, without case, accents and the ways to write umlauts."""
    plain = unicodedata.normalize("NFKD", _APOSTROPHES.sub("", name.casefold()))
    bare = "".join(each for each in plain if not unicodedata.combining(each)).translate(_LETTERS)
    return tuple(_UMLAUTS.sub("", each) for each in re.findall(r"\w+", bare))


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_DIGITS]
