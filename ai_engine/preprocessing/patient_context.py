"""What a header says of patient and beam: sex, age and view position (paper 4, section VII).

A value that is missing or that nobody can have is unknown, never a guess. The same rules hold for
the images of a data set and for those that arrive.
"""

import re
from calendar import isleap
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from pydicom import Dataset
from pydicom.tag import Tag

from ai_engine.preprocessing.ages import APART, UNBELIEVABLE
from ai_engine.preprocessing.view_position import view_named

OLDEST = 100.0
"""Years at which the age's value is 1."""

UNKNOWN = 0.5
"""The value of what is not known: the middle."""

# As PS3.5 Section 6.2 has it, and with the unit apart, in a word or before the number; also with a
# part of a year, and days beyond 999.
_COUNT = r"(\d{1,4}(?:[.,]\d{1,2})?)"
_AGE = re.compile(rf"{_COUNT} ?(?:([DWMY])(?:AYS?|EEKS?|ONTHS?|EARS?)?)?|([DWMY]) ?{_COUNT}")
_YEAR = re.compile(r"\d{4}")
# As DA was before version 3.0 of the Standard (PS3.5 Section 6.2, note 1), as ISO 8601 has it, and
# with the day first where nothing else can be meant.
_DATE = re.compile(r"(?P<year>\d{4})([.-])(?P<month>\d{2})\2(?P<day>\d{2})")
_DAY_FIRST = re.compile(r"(?P<day>\d{2})\.(?P<month>\d{2})\.(?P<year>\d{4})")
_DAYS_OF_UNIT = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25, "": 365.25}


class Sex(StrEnum):
    """Patient's Sex (0010,0040)."""

    FEMALE = "F"
    MALE = "M"


class View(StrEnum):
    """View Position (0018,5101) of a frontal radiograph."""

    PA = "PA"
    AP = "AP"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientContext:
    """What the header says; None where it says nothing usable. ``age`` is in years."""

    sex: Sex | None = None
    age: float | None = None
    view: View | None = None

    def values(self) -> tuple[float, float, float]:
        """Sex, age and view as numbers from 0 to 1."""
        sex = UNKNOWN if self.sex is None else float(self.sex is Sex.MALE)
        age = UNKNOWN if self.age is None else min(max(self.age, 0.0), OLDEST) / OLDEST
        view = UNKNOWN if self.view is None else float(self.view is View.AP)
        return sex, age, view

    @property
    def unknown(self) -> tuple[str, ...]:
        """Names of what is not known."""
        named = (("sex", self.sex), ("age", self.age), ("view position", self.view))
        return tuple(name for name, value in named if value is None)


def context_of(*, sex: str, age: float | None, view: str) -> PatientContext:
    """Take what is usable of a sex, an age in years (or not a number) and a view position."""
    named = view_named(view)
    believable = age is not None and 0 <= age <= UNBELIEVABLE
    return PatientContext(
        sex=Sex(sex) if sex in set(Sex) else None,
        age=age if believable else None,
        view=View(named.value) if named and named.value in set(View) else None,
    )


def read_patient_context(dataset: Dataset) -> PatientContext:
    """Read a header: Patient's Sex, Patient's Age (or birth and study date), View Position.

    An age without a unit counts as years: scanners and the RSNA challenge write it so. Two ages
    that contradict each other are none.
    """
    return context_of(
        sex=_text(dataset, "PatientSex"), age=_years(dataset), view=_text(dataset, "ViewPosition")
    )


def ages_differ(dataset: Dataset) -> bool:
    """Whether Patient's Age and the birth date with the study's date contradict each other."""
    if is_birth_year(dataset):
        born = _date(dataset, "PatientBirthDate")
        return born is not None and born.year != int(_text(dataset, "PatientAge"))
    stated, reckoned = _stated_years(dataset), _reckoned_years(dataset)
    if stated is None or reckoned is None or not 0 <= reckoned <= UNBELIEVABLE:
        return False
    return abs(stated - reckoned) > APART


def is_birth_year(dataset: Dataset) -> bool:
    """Whether Patient's Age holds the year of birth of somebody who can have had this study.

    It is no age: without the birthday it leaves a year open, in which a model's limit may lie.
    """
    taken = _date(dataset, "StudyDate")
    year = _text(dataset, "PatientAge")
    if taken is None or not _YEAR.fullmatch(year):
        return False
    return 0 <= taken.year - int(year) <= UNBELIEVABLE


def is_unborn(dataset: Dataset) -> bool:
    """Whether the birth date lies after the study's date."""
    reckoned = _reckoned_years(dataset)
    return reckoned is not None and reckoned < 0


def _years(dataset: Dataset) -> float | None:
    if ages_differ(dataset):
        return None
    stated = _stated_years(dataset)
    return _reckoned_years(dataset) if stated is None else stated


def _stated_years(dataset: Dataset) -> float | None:
    if is_birth_year(dataset):
        return None
    match = _AGE.fullmatch(_text(dataset, "PatientAge"))
    if match is None:
        return None
    number, unit = match[1] or match[4], match[2] or match[3] or ""
    return float(number.replace(",", ".")) * _DAYS_OF_UNIT[unit] / _DAYS_OF_UNIT["Y"]


def _reckoned_years(dataset: Dataset) -> float | None:
    born, taken = (_date(dataset, name) for name in ("PatientBirthDate", "StudyDate"))
    if born is None or taken is None:
        return None
    years = taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))
    if years < 0:
        return float(years)
    return years + (taken - _birthday(born, born.year + years)).days / 366


def _birthday(born: date, year: int) -> date:
    """Who was born on a 29th of February is a year older on the 1st of March in other years."""
    is_leap_day = (born.month, born.day) == (2, 29)
    return date(year, 3, 1) if is_leap_day and not isleap(year) else born.replace(year=year)


def _date(dataset: Dataset, keyword: str) -> date | None:
    text = _text(dataset, keyword)
    if found := _DATE.fullmatch(text) or _DAY_FIRST.fullmatch(text):
        text = f"{found['year']}{found['month']}{found['day']}"
    try:
        return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007 - a day
    except ValueError:
        return None


def _text(dataset: Dataset, keyword: str) -> str:
    """A value as it is stored: pydicom would warn of those that are not valid, and quote them."""
    if keyword not in dataset:
        return ""
    value = dataset.get_item(Tag(keyword)).value
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value or "")
    return text.strip(" \0").upper()
