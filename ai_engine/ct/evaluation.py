"""What ``dicom-node models evaluate`` does with a CT model: paper 5's figures on MosMedData."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.dataset import MosMedStudy, load_mask, load_volume, read_mosmed
from ai_engine.ct.grades import (
    Figure,
    GradedStudy,
    confusion,
    figures,
    overlap,
    write_report,
)
from ai_engine.ct.mask_source import MaskSource
from ai_engine.ct.part import MeasuredPart, part_of
from ai_engine.ct.predictor import CtPredictor
from ai_engine.ct.refusal import CtRefusedError
from ai_engine.ct.results import CtAnalysis
from ai_engine.errors import DatasetError
from ai_engine.kinds.evaluating import Evaluation
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import Metric, ModelCard


@dataclass(frozen=True, slots=True, kw_only=True)
class MosMedReport:
    """What was measured of a CT model, on which studies of MosMedData."""

    card: ModelCard
    part: MeasuredPart
    studies: tuple[GradedStudy, ...]
    figures: tuple[Figure, ...]

    @property
    def split(self) -> str:
        """The part that was measured."""
        return self.part.name

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """Nothing: a CT model's card holds no figures of labels."""
        return ()

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        write_report(path, self.card.identity.key, self.part, self.studies, self.figures)

    def shown(self) -> tuple[Table | str, ...]:
        """Tables and sentences for a terminal."""
        refused = sum(bool(each.refusal) for each in self.studies)
        words = f"Not measured, as report.json says: {refused} of {len(self.studies)} studies."
        told = (words,) if refused else ()
        return (_figures_table(self), _grades_table(self.studies), *told)


def evaluate(asked: Evaluation) -> MosMedReport:
    """Measure a CT model on MosMedData: a classical one on all of it, a network on one split.

    ``asked.data`` is a folder in the layout of `ai_engine.ct.dataset`. The split is one of the
    studies with masks, as a network was trained; the studies without masks go with the test part.

    Raises
    ------
    ModelFolderError, BackendError, DatasetError
        If the model or the data can't be used as they are.
    """
    card = asked.card
    measured = part_of(card, read_mosmed(asked.data), asked.split)
    predictor: CtPredictor = part(card, Part.PREDICTOR)(asked.loading)
    asked.say(f"Measured on {measured.words}.")
    shown = asked.shown(measured.studies, "measuring")
    graded = tuple(_graded(study, predictor.source) for study in shown)
    return MosMedReport(
        card=card,
        part=measured,
        studies=graded,
        figures=figures(graded, is_unseen=measured.is_unseen),
    )


def _graded(study: MosMedStudy, source: MaskSource) -> GradedStudy:
    volume, drawn = load_volume(study), load_mask(study)
    if drawn is not None and drawn.shape != volume.hounsfield.shape:
        raise DatasetError(f"{study.mask_path}: not the size of its study; fetch both again")
    try:
        analysis = analyse_volume(volume, source=source)
    except CtRefusedError as error:
        return GradedStudy(name=study.name, stated=study.grade, refusal=str(error))
    both = analysis.measurements[2]
    dice, iou = (None, None) if drawn is None else overlap(_found(analysis), drawn)
    return GradedStudy(
        name=study.name,
        stated=study.grade,
        measured=None if both.severity is None else both.severity.grade - 1,
        percentage=both.percentage,
        dice=dice,
        iou=iou,
    )


def _found(analysis: CtAnalysis) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    found = np.zeros(analysis.geometry.shape, bool)
    for _, packed in analysis.inhomogeneity:
        found |= packed.unpack()
    return found


def _figures_table(report: MosMedReport) -> Table:
    is_unseen = report.part.is_unseen
    table = Table(title=f"{report.card.identity.key} on MosMedData, {report.part.name}")
    for heading in ("measure", "studies", "value", "95 % interval"):
        table.add_column(heading)
    if is_unseen:
        table.add_column("paper 5 (XNet)")
    for row in report.figures:
        paper = [] if row.paper is None else [f"{row.paper:.2f}"]
        interval = f"{row.low:.2f} to {row.high:.2f}"
        table.add_row(row.name, str(row.studies), f"{row.value:.2f}", interval, *paper)
    return table


def _grades_table(graded: Sequence[GradedStudy]) -> Table:
    table = Table(title="grades: stated by row, measured by column")
    for heading in ("", *(f"CT-{grade}" for grade in range(5))):
        table.add_column(heading)
    for grade, counts in enumerate(confusion(graded)):
        table.add_row(f"CT-{grade}", *(str(count) for count in counts))
    return table
