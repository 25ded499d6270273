"""What the analysis of a CT study says: one series' measurements, or why there are none."""

from dataclasses import dataclass

from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.ct.results import CtAnalysis
from ai_engine.ct.series import LeftOut
from ai_engine.prediction import ModelIdentity, Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRefusal:
    """A series that was not analysed, and why; ``detail`` never holds header values."""

    series_instance_uid: str
    sop_instance_uids: tuple[str, ...]
    reason: CtRefusalReason
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CtPrediction:
    """What one model says about one CT study.

    ``analysis`` is of one series, None where none could be measured. ``choice`` says which one and
    why; ``refusals`` are the series that should have been measured and couldn't be, ``left_out``
    what needn't be (localizers, other reconstructions). ``parameters`` are the method's settings,
    ``remarks`` what must be known of how the study came.
    """

    model: ModelIdentity
    analysis: CtAnalysis | None
    choice: str
    refusals: tuple[SeriesRefusal, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    parameters: tuple[str, ...] = ()
    limitations: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()

    @property
    def is_positive(self) -> bool:
        """Whether there is any inhomogeneity."""
        return self.analysis is not None and self.analysis.is_positive

    @property
    def analysed(self) -> frozenset[str]:
        """The SOP Instance UIDs of the slices that were measured."""
        if self.analysis is None:
            return frozenset()
        return frozenset(each.sop_instance_uid for each in self.analysis.geometry.references)

    @property
    def refused(self) -> frozenset[str]:
        """The SOP Instance UIDs of the series that couldn't be measured."""
        return frozenset(uid for each in self.refusals for uid in each.sop_instance_uids)
