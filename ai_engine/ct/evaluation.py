"""What ``dicom-node models evaluate`` does with a CT model: paper 5's figures on MosMedData."""

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
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
from ai_engine.ct.predictor import load_classical, load_segmenter
from ai_engine.ct.refusal import CtRefusedError
from ai_engine.ct.results import CtAnalysis
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.library.card import ModelCard, ModelKind


def evaluate_ct(
    *,
    card: ModelCard,
    data: Path,
    out: Path,
    cache: Path,
    split: str = "test",
    console: Console | None = None,
) -> tuple[Figure, ...]:
    """Measure a CT model on MosMedData: a classical one on all of it, a network on one split.

    Parameters
    ----------
    card
        The model, classical or trained.
    data
        Folder in the layout of `ai_engine.ct.dataset`.
    out
        Where ``report.json`` goes.
    cache
        Folder for a trained model's OpenVINO form.
    split
        Which of the studies with masks a network is measured on: ``train``, ``valid`` or ``test``,
        as it was trained. The studies without masks go with the test part.
    console
        Where progress and the tables are shown; None shows nothing.

    Raises
    ------
    ModelFolderError, BackendError, DatasetError
        If the model or the data can't be used as they are.
    """
    part = part_of(card, read_mosmed(data), Split(split))
    is_trained = card.kind is ModelKind.SEGMENTER_CT
    predictor = load_segmenter(card, cache=cache) if is_trained else load_classical(card)
    out.mkdir(parents=True, exist_ok=True)
    if console is not None:
        console.print(f"Measured on {part.words}.", highlight=False)
    shown = track(part.studies, "measuring", console=console, disable=console is None)
    graded = [_graded(study, predictor.source) for study in shown]
    rows = figures(graded, is_unseen=part.is_unseen)
    write_report(out / "report.json", card.identity.key, part, graded, rows)
    if console is not None:
        console.print(_figures_table(card, part, rows))
        console.print(_grades_table(graded))
        refused = [each for each in graded if each.refusal]
        if refused:
            console.print(f"{len(refused)} studies were not measured; report.json says why.")
    return rows


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


def _figures_table(card: ModelCard, part: MeasuredPart, rows: tuple[Figure, ...]) -> Table:
    table = Table(title=f"{card.identity.key} on MosMedData, {part.name}")
    for heading in ("measure", "studies", "value", "95 % interval"):
        table.add_column(heading)
    if part.is_unseen:
        table.add_column("paper 5 (XNet)")
    for row in rows:
        paper = [] if row.paper is None else [f"{row.paper:.2f}"]
        interval = f"{row.low:.2f} to {row.high:.2f}"
        table.add_row(row.name, str(row.studies), f"{row.value:.2f}", interval, *paper)
    return table


def _grades_table(graded: list[GradedStudy]) -> Table:
    table = Table(title="grades: stated by row, measured by column")
    for heading in ("", *(f"CT-{grade}" for grade in range(5))):
        table.add_column(heading)
    for grade, counts in enumerate(confusion(graded)):
        table.add_row(f"CT-{grade}", *(str(count) for count in counts))
    return table
