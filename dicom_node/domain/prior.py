"""Priors: earlier studies of a patient that a new one is compared with, and which of them are.

What an archive finds is sorted here, by data alone: same patient, earlier, of the same kind. A
prior is fetched to be looked at beside the new study. It is not analysed, and no results of it are
sent.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from ai_engine.preprocessing.body_region import BodyRegion
from dicom_node.domain.patient import PatientMarks, is_same_patient, marks

# The same radiograph, by which kind of detector it was made (PS3.3 C.7.3.1.1.1).
_RADIOGRAPHS = frozenset({"CR", "DX", "RG"})
# Series that show nothing that was taken of the patient: reports, and what is drawn over images.
_NO_IMAGES = frozenset(
    {"", "SR", "PR", "KO", "SEG", "DOC", "REG", "RTSTRUCT", "RTPLAN", "RTDOSE", "AU", "SMR", "OT"}
)
_MIDNIGHT = "000000"
_NAME, _ID, _ISSUER, _BIRTH_DATE = "00100010", "00100020", "00100021", "00100030"


class PriorState(StrEnum):
    """How far the fetching of one prior is."""

    WANTED = "wanted"
    HELD = "held"
    """All of it that was wanted is here."""
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class SearchState(StrEnum):
    """How far the search for the priors of one study is."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorRule:
    """Which earlier studies are priors of a new one, and how many of them are fetched.

    ``number`` is of studies, 0 for none; ``longest`` is how long ago they may be, ``most_images``
    how many images of one are fetched.
    """

    number: int = 0
    longest: timedelta = timedelta(days=5 * 365)
    same_modality: bool = True
    same_body_part: bool = True
    most_images: int = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientSaid:
    """Who a study says its patient is; compared, and never shown.

    ``name`` holds the component groups that are not empty, by what they are called.
    """

    patient_id: str = field(default="", repr=False)
    issuer: str = field(default="", repr=False)
    birth_date: str = field(default="", repr=False)
    name: Mapping[str, str] = field(default_factory=dict, repr=False)

    def marks(self, study_instance_uid: str) -> PatientMarks:
        """Return the digests by which patients are compared."""
        return marks(
            study_instance_uid,
            patient_id=self.patient_id,
            issuer=self.issuer,
            name=self.name,
            birth=self.birth_date,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundSeries:
    """A series that an archive has; ``instances`` is None where it does not count."""

    series_instance_uid: str
    modality: str
    regions: frozenset[BodyRegion] = frozenset()
    instances: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """A study that an archive has: date and time as DICOM writes them."""

    study_instance_uid: str
    patient: PatientSaid
    study_date: str
    study_time: str = ""
    modalities: frozenset[str] = frozenset()
    regions: frozenset[BodyRegion] = frozenset()
    instances: int | None = None

    @property
    def day(self) -> date | None:
        """The date, where it can be read."""
        try:
            return datetime.strptime(self.study_date[:8], "%Y%m%d").date()  # noqa: DTZ007 - of no zone
        except ValueError:
            return None

    @property
    def moment(self) -> tuple[str, str]:
        """What studies are ordered by."""
        return self.study_date[:8], self.study_time[:6].ljust(
            6, "0"
        ) if self.study_time else _MIDNIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """One prior of a study; ``listed`` images are wanted of it, ``held`` of them are here."""

    study_instance_uid: str
    prior_study_uid: str
    archive: str
    study_date: str
    state: PriorState
    listed: int = 0
    held: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorSearch:
    """The search for the priors of a study, and what came of it in words."""

    study_instance_uid: str
    archive: str
    state: SearchState
    asked_at: datetime
    ended_at: datetime | None = None
    tries: int = 0
    reason: str = ""


def patient_said(attributes: Mapping[str, Any]) -> PatientSaid:
    """Return who attributes in the DICOM JSON Model (PS3.18 Annex F) say that a patient is."""
    name = _first(attributes, _NAME)
    return PatientSaid(
        patient_id=str(_first(attributes, _ID) or ""),
        issuer=str(_first(attributes, _ISSUER) or ""),
        birth_date=str(_first(attributes, _BIRTH_DATE) or ""),
        name={group: str(text) for group, text in name.items()} if isinstance(name, dict) else {},
    )


def candidates(
    new: FoundStudy, found: Iterable[FoundStudy], rule: PriorRule
) -> tuple[FoundStudy, ...]:
    """Return the studies that may be priors of a new one by what is said of a study, newest first.

    One without a date, or of no certain time before the new study on the same day, is none.
    """
    kept = {
        each.study_instance_uid: each
        for each in found
        if _is_earlier(each, new, rule.longest)
        and _is_of(each.patient, new)
        and (not rule.same_modality or _shares(each.modalities, new.modalities))
    }
    return tuple(sorted(kept.values(), key=lambda each: each.moment, reverse=True))


def wanted_series(
    new: FoundStudy, prior: FoundStudy, series: Iterable[FoundSeries], rule: PriorRule
) -> tuple[FoundSeries, ...]:
    """Return the series of a candidate that are compared with the new study, the smallest first.

    A series that names no body part, neither itself nor by its study, may be of the same one.
    """

    def fits(each: FoundSeries) -> bool:
        regions = each.regions or prior.regions
        return (
            each.modality not in _NO_IMAGES
            and (not rule.same_modality or _shares({each.modality}, new.modalities))
            and (not rule.same_body_part or _meets(regions, new.regions))
        )

    return tuple(sorted(filter(fits, series), key=lambda each: each.instances or 0))


def shows_images(modality: str) -> bool:
    """Whether series of a modality show what was taken of a patient."""
    return modality not in _NO_IMAGES


def _first(attributes: Mapping[str, Any], tag: str) -> Any:
    element = attributes.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    return values[0] if isinstance(values, list) and values else None


def _is_earlier(found: FoundStudy, new: FoundStudy, longest: timedelta) -> bool:
    day, today = found.day, new.day
    if day is None or today is None or found.study_instance_uid == new.study_instance_uid:
        return False
    if today - day > longest:
        return False
    return day < today or bool(day == today and found.study_time and found.moment < new.moment)


def _is_of(patient: PatientSaid, new: FoundStudy) -> bool:
    """Whether a study is of the new one's patient: its ID is the same, and nothing contradicts."""
    uid = new.study_instance_uid
    return is_same_patient(new.patient.patient_id, patient.marks(uid), new.patient.marks(uid))


def _shares(modalities: Iterable[str], wanted: frozenset[str]) -> bool:
    return bool(_kinds(modalities) & _kinds(wanted))


def _kinds(modalities: Iterable[str]) -> frozenset[str]:
    """Return modalities, all of radiographs as one of them."""
    return frozenset(
        "radiograph" if each in _RADIOGRAPHS else each
        for each in modalities
        if each not in _NO_IMAGES
    )


def _meets(regions: frozenset[BodyRegion], wanted: frozenset[BodyRegion]) -> bool:
    return not regions or not wanted or bool(regions & wanted)
