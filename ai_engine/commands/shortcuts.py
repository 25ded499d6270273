"""What ``dicom-node models shortcuts`` does: how far what is no disease tells each label."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ai_engine.calibration.resampling import auc_of, estimate, patient_draws
from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import DatasetError
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import ModelCard, write_card
from ai_engine.measures.shortcuts.measuring import (
    CueTable,
    Figures,
    Shortcut,
    auc_estimate,
    by_source,
    cue_scores,
    labels_of,
    shortcuts,
    tables_of,
    whole_table,
)
from ai_engine.measures.shortcuts.report import METRIC, AgainstCue, ShortcutReport

Measured = tuple[CxrDataset, CueTable]


def measure_shortcuts(
    *,
    data: Path,
    others: Sequence[Path] = (),
    split: str = "test",
    labels: Sequence[str] = (),
    layout: str = AUTO,
    model: Loading | None = None,
    record: bool = False,
    out: Path | None = None,
    console: Console | None = None,
) -> ShortcutReport:
    """Learn labels from cues without anatomy on one data set, and measure what they tell.

    Parameters
    ----------
    data
        Folder of the data set whose train part the cues are learned on.
    others
        Folders of data sets of which nothing is learned: what a cue tells on the first and not on
        them belongs to the data set, not to the disease.
    split
        The part of ``data`` that is measured.
    labels
        What is to be told; without them, every label with enough images.
    layout
        The data sets' layout; ``auto`` looks at the tables of each.
    model
        A model to put beside the cues on the same images, paired. Images that it was trained on
        flatter it: of ``others`` it should have seen none.
    record
        Whether to put the cues' figures into the model's card.
    out
        File for the report as JSON.
    console
        Where progress and tables are shown; None shows nothing.

    Raises
    ------
    DatasetError, ModelFolderError, BackendError
        If the data or the model can't be used as they are, or no label has enough images.
    """
    dataset = read_dataset(data, layout)
    learned, test = tables_of(dataset, Split(split))
    measured: list[Measured] = [(dataset, each) for each in (test, *by_source(test))]
    for folder in others:
        other = read_dataset(folder, layout)
        measured.append((other, whole_table(other)))
    wanted = tuple(labels) or labels_of(dataset)
    report = ShortcutReport(
        learned=learned.name,
        shortcuts=tuple(shortcuts(learned, [table for _, table in measured], wanted)),
    )
    if not report.shortcuts:
        raise DatasetError(
            f"{data}: too few images with and without {', '.join(wanted)} to learn from; add images"
        )
    if model is not None:
        report = dataclasses.replace(
            report, models=tuple(_beside(model, learned, measured, report, console))
        )
        if record:
            _record(model.card, report)
    if out is not None:
        report.write(out)
    if console is not None:
        for table in report.shown():
            console.print(table)
    return report


def _beside(
    model: Loading,
    learned: CueTable,
    measured: Sequence[Measured],
    report: ShortcutReport,
    console: Console | None,
) -> Iterator[AgainstCue]:
    """The model's AUC less that of every cue, on the same draws of patients."""
    scorer = part(model.card, Part.SCORER)(model)
    names = [label.name for label in model.card.labels]
    known: dict[tuple[Path, str], Figures] = {}
    for dataset, table in measured:
        for item in track(table.items, "scoring", console=console, disable=console is None):
            if (key := (dataset.folder, item.file)) not in known:
                known[key] = scorer.probabilities(as_radiograph(dataset, item))
        rows = [known[dataset.folder, item.file] for item in table.items]
        probabilities = np.array(rows, dtype=np.float64)
        for each in report.shortcuts:
            if each.source == table.name and each.label in names:
                scores = probabilities[:, names.index(each.label)]
                yield _difference(model.card, each, learned, table, scores)


def _difference(
    card: ModelCard, of: Shortcut, learned: CueTable, table: CueTable, scores: Figures
) -> AgainstCue:
    rows = table.decided(of.label)
    told = table.cases(of.label, rows, cue_scores(learned, table, of.label, of.cue))
    said = table.cases(of.label, rows, scores[rows])
    weights = np.vstack([np.ones(len(rows)), patient_draws(told)])
    aucs = [auc_of(weights, told.truth, one.scores) for one in (said, told)]
    return AgainstCue(
        model=card.identity.key,
        label=of.label,
        cue=of.cue,
        source=of.source,
        auc=auc_estimate(said),
        difference=estimate(aucs[0] - aucs[1]),
    )


def _record(card: ModelCard, report: ShortcutReport) -> None:
    """Put the figures into a card's file, in place of older ones of cues."""
    kept = tuple(metric for metric in card.metrics if metric.name != METRIC)
    write_card(dataclasses.replace(card, metrics=(*kept, *report.metrics)))
