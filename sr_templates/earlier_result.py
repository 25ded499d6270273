"""What was verified of a patient before, to compare with (`comparison`).

The node's process hands these on: they need no library of reports.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from sr_templates.repair import is_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierReport:
    """The report that an earlier result stands in."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str

    @property
    def is_valid(self) -> bool:
        """Whether a report may refer to it: a study may come with identifiers that are none."""
        return all(
            is_uid(each)
            for each in (
                self.study_instance_uid,
                self.series_instance_uid,
                self.sop_class_uid,
                self.sop_instance_uid,
            )
        )

    @property
    def header(self) -> Dataset:
        """What refers to it, as a header."""
        made = Dataset()
        made.StudyInstanceUID = self.study_instance_uid
        made.SeriesInstanceUID = self.series_instance_uid
        made.SOPClassUID = self.sop_class_uid
        made.SOPInstanceUID = self.sop_instance_uid
        return made


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierFinding:
    """A finding then: the model's highest probability on any image, and the reader's word on it.

    ``present`` is None where the reader could not tell.
    """

    probability: float
    present: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierResult:
    """What a person has verified of the patient's last study of this kind.

    Attributes
    ----------
    study_date
        Of that study, as DICOM writes it.
    comparable
        Whether the same model with the same weights and calibration said it: else figures are not
        compared.
    findings
        By the model's label.
    shares
        Percentages of lung, as the reader has them, by the name of the side.
    """

    report: EarlierReport
    study_date: str
    comparable: bool
    findings: Mapping[str, EarlierFinding] = field(default_factory=dict)
    shares: Mapping[str, float] = field(default_factory=dict)

    @property
    def day(self) -> str:
        """The date as people write it."""
        date = self.study_date
        return f"{date[:4]}-{date[4:6]}-{date[6:8]}"

    @property
    def opening(self) -> str:
        """Say what is compared with."""
        return f"Compared with the verified result of {self.day}"
