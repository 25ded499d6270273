"""Who and what a study is of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from ai_engine.preprocessing.ages import APART, UNBELIEVABLE
from dicom_node.domain.patient import (
    PatientAttribute,
    PatientMarks,
    contradictions,
    is_same_patient,
    marks,
)

_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_MONTHS_A_YEAR = 12
# Below these, an age in years or months would say too little of a child.
_LEAST_YEARS, _LEAST_MONTHS = 2, 2
_AGE_LENGTH = 4


class AgeUnit(StrEnum):
    """The units of an Age String (PS3.5 Section 6.2, VR AS)."""

    YEARS = "Y"
    MONTHS = "M"
    WEEKS = "W"
    DAYS = "D"


_IN_A_YEAR: Mapping[AgeUnit, float] = MappingProxyType(
    {AgeUnit.YEARS: 1.0, AgeUnit.MONTHS: 12.0, AgeUnit.WEEKS: 52.18, AgeUnit.DAYS: 365.25}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old somebody was."""

    count: int
    unit: AgeUnit

    @property
    def years(self) -> float:
        """About how many years it is."""
        return self.count / _IN_A_YEAR[self.unit]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who and what a study is of, for matching and display; empty where the source is."""

    study_instance_uid: str
    patient_name: str = ""
    patient_id: str = ""
    issuer_of_patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    patient_age: str = ""
    accession_number: str = ""
    study_id: str = ""
    study_date: str = ""
    study_time: str = ""
    study_description: str = ""
    referring_physician_name: str = ""
    admission_id: str = ""

    @property
    def age(self) -> Age | None:
        """How old the patient was at the study: by the two dates, else as the images say.

        None where the two contradict each other, or where nobody is as old as that.
        """
        born, taken = _day(self.patient_birth_date), _day(self.study_date)
        stated = _stated(self.patient_age)
        if born is None or taken is None or born > taken:
            return stated
        reckoned = _between(born, taken)
        differs = stated is not None and abs(stated.years - reckoned.years) > APART
        return None if differs or reckoned.years > UNBELIEVABLE else reckoned

    @property
    def name(self) -> str:
        """The patient's name as people write it: family name, then the others (PS3.5 6.2.1).

        The first of its groups that is not empty: alphabetic, ideographic, phonetic.
        """
        group = next((each for each in self.patient_name.split("=") if each.strip("^ ")), "")
        parts = [part.strip() for part in group.split("^") if part.strip()]
        return ", ".join([parts[0], " ".join(parts[1:])] if len(parts) > 1 else parts)


def is_of_same_patient(one: Subject, other: Subject) -> bool:
    """Whether two are surely of one patient, by all that both say."""
    return is_same_patient(one.patient_id, _marks(one), _marks(other))


def is_other_patient(one: Subject, other: Subject) -> bool:
    """Whether two that name the same study are sure to be of different patients.

    The name is left alone: it may be written in another script, and the UID is the study's own. So
    is an ID that one of the two does not state.
    """
    ignored = {PatientAttribute.NAME}
    if not (one.patient_id.strip() and other.patient_id.strip()):
        ignored.add(PatientAttribute.ID)
    return bool(contradictions(_marks(one), _marks(other)) - ignored)


def _marks(subject: Subject) -> PatientMarks:
    groups = zip(_NAME_GROUPS, subject.patient_name.split("="), strict=False)
    return marks(
        "",  # compared here and now, and kept nowhere
        patient_id=subject.patient_id,
        issuer=subject.issuer_of_patient_id,
        name={group: text for group, text in groups if text.strip("^ ")},
        birth=subject.patient_birth_date,
    )


def _between(born: date, then: date) -> Age:
    months = (then.year - born.year) * _MONTHS_A_YEAR + then.month - born.month
    months -= then.day < born.day
    if months >= _LEAST_YEARS * _MONTHS_A_YEAR:
        return Age(count=months // _MONTHS_A_YEAR, unit=AgeUnit.YEARS)
    if months >= _LEAST_MONTHS:
        return Age(count=months, unit=AgeUnit.MONTHS)
    return Age(count=(then - born).days, unit=AgeUnit.DAYS)


def _stated(text: str) -> Age | None:
    """Read an Age String: three digits and a unit."""
    digits, unit = text[:-1], text[-1:]
    if len(text) != _AGE_LENGTH or not (digits.isascii() and digits.isdecimal()):
        return None
    return Age(count=int(digits), unit=AgeUnit(unit)) if unit in set(AgeUnit) else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if len(text) == len("YYYYMMDD") else None
    except ValueError:
        return None
