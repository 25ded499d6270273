"""What ``dicom-node models evaluate`` does. No TensorFlow: the model runs as it is served."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ai_engine.commands.paper3_table import TABLE_1, OurRow, add_row, table_1
from ai_engine.commands.paper_tables import (
    means_in_words,
    paper_rows,
    recipe_of,
    rich_table,
    table_of,
    write_rows,
)
from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.inference.backend import Backend
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import unpacked_network
from ai_engine.kinds.bones.dataset import read_bone_pairs
from ai_engine.kinds.bones.evaluation import evaluate_bones
from ai_engine.kinds.channels.channel_loading import load_channels
from ai_engine.kinds.classifier.classes import (
    accuracy_in_words,
    classes_table,
    evaluate_classes,
    figures_table,
    is_exclusive,
)
from ai_engine.kinds.classifier.pointing import play_pointing_game
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor, head_kernel
from ai_engine.kinds.classifier.scoring import ScoredSplit, score_split
from ai_engine.kinds.detector.evaluation import evaluate_boxes
from ai_engine.kinds.detector.predictor import BoxFinder
from ai_engine.kinds.dual_view.dataset import frontal_items, view_pairs
from ai_engine.kinds.dual_view.evaluation import evaluation_dual_view, score_pairs
from ai_engine.kinds.guard.evaluation import guard_metrics
from ai_engine.kinds.guard.guard import ChestGuard
from ai_engine.kinds.guard.objects import judge_objects, objects_table, write_objects
from ai_engine.kinds.loading import load_bone_subtractor, load_classifier_with_header
from ai_engine.kinds.lungs.dataset import read_lungs
from ai_engine.kinds.lungs.evaluation import evaluate_lungs
from ai_engine.kinds.lungs.segmenter import LungSegmenter
from ai_engine.kinds.with_header.evaluation import evaluate_with_header
from ai_engine.library.card import Metric, ModelCard, ModelKind, write_card
from ai_engine.library.registry import ModelRegistry
from ai_engine.measures.plots import (
    draw_calibration,
    draw_confusions,
    draw_precision_recall,
    draw_roc,
)
from ai_engine.measures.report import EvaluationReport, confusions, measure_split


def evaluate(
    *,
    card: ModelCard,
    data: Path,
    out: Path,
    cache: Path,
    split: str = "test",
    layout: str = AUTO,
    record: bool = False,
    objects: Path | None = None,
    backend: Backend | None = None,
    registry: ModelRegistry | None = None,
    console: Console | None = None,
) -> EvaluationReport:
    """Measure a chest model, a detector or a guard on one split; a lung model on a folder's masks.

    Parameters
    ----------
    card
        The model.
    data
        Folder of a data set (`ai_engine.datasets.layouts`), or of images with masks of their lungs
        (`ai_engine.kinds.lungs.dataset`).
    out
        Where ``report.json`` goes, and a chest model's ``roc.png``, ``precision_recall.png``,
        ``calibration.png`` and ``confusion.png``, and ``paper_table.json`` where a paper's recipe
        made it; ``classes.json`` of classes that exclude each other; or a lung model's
        ``outlines.png`` and ``masks.csv``.
    cache
        Folder for the model's OpenVINO form.
    split
        ``train``, ``valid`` or ``test``.
    layout
        The data set's layout; ``auto`` is the one that the card names, or looks at its tables.
    record
        Whether to put the figures into the model's card, in place of older ones of the split.
    objects
        Folder of DICOM files that a guard is asked about one by one; ``objects.json`` has its
        answers.
    backend
        Runs the model instead of OpenVINO in float32.
    registry
        Where the models are that make another model's channels; the shipped ones without it.
    console
        Where progress and the table are shown; None shows nothing.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, DatasetError
        If the model, one that makes its channels, or the data can't be used as they are.
    """
    layout = layout_for(card, layout)
    installed = registry or ModelRegistry()
    if card.kind is ModelKind.DETECTOR:
        finder = BoxFinder(card, OpenVinoNetwork(unpacked_network(card, cache)))
        dataset = read_dataset(data, layout)
        out.mkdir(parents=True, exist_ok=True)
        report = evaluate_boxes(finder, dataset, split=Split(split), out=out, console=console)
        return _finish(report, card, out, record=record, console=console)
    if card.kind is ModelKind.DUAL_VIEW:
        dataset = read_dataset(data, layout)
        out.mkdir(parents=True, exist_ok=True)
        channels = load_channels(card, installed, cache=cache)
        report = _evaluate_pairs(card, dataset, Split(split), out, cache, channels, console)
        return _finish(report, card, out, record=record, console=console)
    if card.kind is ModelKind.BONES:
        out.mkdir(parents=True, exist_ok=True)
        subtractor = load_bone_subtractor(card, cache=cache)
        report = evaluate_bones(
            subtractor, read_bone_pairs(data), split=Split(split), console=console
        )
        return _finish(report, card, out, record=record, console=console)
    if card.kind is ModelKind.CLASSIFIER_WITH_HEADER:
        classifier = load_classifier_with_header(card, cache=cache)
        dataset = read_dataset(data, layout)
        out.mkdir(parents=True, exist_ok=True)
        report = evaluate_with_header(
            classifier, dataset, split=Split(split), out=out, console=console
        )
        return _finish(report, card, out, record=record, console=console)
    used = backend or OpenVinoBackend.load(card, cache=cache)
    if card.kind is ModelKind.SEGMENTER:
        report = evaluate_lungs(LungSegmenter(card, used), read_lungs(data), out=out)
        return _finish(report, card, out, record=record, console=console)
    dataset = read_dataset(data, layout)
    out.mkdir(parents=True, exist_ok=True)
    if card.kind is ModelKind.GUARD:
        guard = ChestGuard(card, used)
        report = _evaluate_guard(guard, card, dataset, Split(split))
        if objects is not None:
            _judge_objects(guard, objects, out, console)
    elif is_exclusive(card):
        report = _evaluate_classes(card, used, dataset, Split(split), out, console)
    else:
        predictor = evaluation_predictor(card, used, load_channels(card, installed, cache=cache))
        items = frontal_items(dataset, Split(split))
        shown = track(items, "scoring", console=console, disable=console is None)
        scored = score_split(predictor, dataset, shown)
        _beside_the_paper(card, scored, out, f"{dataset.name}, {split}", console)
        report = _classifier_report(predictor, dataset, scored, split)
        _draw(scored, card, report.metrics, out)
    return _finish(report, card, out, record=record, console=console)


def _finish(
    report: EvaluationReport, card: ModelCard, out: Path, *, record: bool, console: Console | None
) -> EvaluationReport:
    report.write(out / "report.json")
    if record:
        record_metrics(card, report)
    if console is not None:
        console.print(report_table(report))
    return report


def _evaluate_classes(  # noqa: PLR0917 - the command's own options, handed on once
    card: ModelCard,
    backend: Backend,
    dataset: CxrDataset,
    split: Split,
    out: Path,
    console: Console | None,
) -> EvaluationReport:
    items = dataset.part(split)
    shown = track(items, "classifying", console=console, disable=console is None)
    found = evaluate_classes(card, backend, dataset, shown, split.value)
    found.write(out / "classes.json")
    if console is not None:
        console.print(classes_table(found))
        console.print(figures_table(found))
        console.print(accuracy_in_words(found), highlight=False)
    return EvaluationReport(
        model=card.identity.key,
        split=split.value,
        images=found.accuracy.images,
        patients=len({item.patient_id for item in items}),
        metrics=(found.accuracy, *found.metrics),
        pointing=None,
    )


def _evaluate_pairs(  # noqa: PLR0917 - the same
    card: ModelCard,
    dataset: CxrDataset,
    split: Split,
    out: Path,
    cache: Path,
    channels: Sequence[ChannelSource],
    console: Console | None,
) -> EvaluationReport:
    network = OpenVinoNetwork(converted_model(card, cache))
    pairs = view_pairs(dataset, split)
    shown = track(pairs, "scoring", console=console, disable=console is None)
    scored = score_pairs(evaluation_dual_view(card, network, channels), dataset, shown)
    metrics = measure_split(scored, card.labels, split.value)
    _draw(scored, card, metrics, out)
    _beside_the_paper(card, scored, out, f"{dataset.name}, {split}", console)
    return EvaluationReport(
        model=card.identity.key,
        split=split.value,
        images=len(scored.items),
        patients=len(set(scored.patients)),
        metrics=metrics,
        pointing=None,
        confusions=confusions(scored, card.labels),
    )


def _beside_the_paper(
    card: ModelCard, scored: ScoredSplit, out: Path, measured_on: str, console: Console | None
) -> None:
    """Print and keep the paper's table with our column, where a paper's recipe made the model."""
    table = table_of(card)
    if table is None:
        return
    rows = paper_rows(table, scored, card)
    write_rows(table, rows, out / "paper_table.json")
    if console is not None:
        console.print(rich_table(table, rows))
        console.print(means_in_words(rows), highlight=False)
    recipe = recipe_of(card)
    if recipe in TABLE_1:
        found = {row.label: row.auc.value for row in rows if row.auc is not None}
        ours = OurRow(model=card.identity.key, aucs=found)
        together = add_row(out, recipe=recipe, row=ours, measured_on=measured_on)
        if console is not None:
            console.print(table_1(together))


def _draw(scored: ScoredSplit, card: ModelCard, metrics: Sequence[Metric], out: Path) -> None:
    draw_roc(scored, card.labels, out / "roc.png", metrics)
    draw_precision_recall(scored, card.labels, out / "precision_recall.png", metrics)
    draw_calibration(scored, card.labels, out / "calibration.png", metrics)
    draw_confusions(confusions(scored, card.labels), out / "confusion.png")


def _classifier_report(
    predictor: ChestRadiographPredictor, dataset: CxrDataset, scored: ScoredSplit, split: str
) -> EvaluationReport:
    unseen = frozenset(item.file for item in dataset.items if item.split is not Split.TRAIN)
    return EvaluationReport(
        model=predictor.card.identity.key,
        split=split,
        images=len(scored.items),
        patients=len(set(scored.patients)),
        metrics=measure_split(scored, predictor.card.labels, split),
        pointing=play_pointing_game(predictor, dataset, unseen) if dataset.boxes else None,
        confusions=confusions(scored, predictor.card.labels),
    )


def _evaluate_guard(
    guard: ChestGuard, card: ModelCard, dataset: CxrDataset, split: Split
) -> EvaluationReport:
    items = dataset.part(split)
    return EvaluationReport(
        model=card.identity.key,
        split=split.value,
        images=len(items),
        patients=len({item.patient_id for item in items}),
        metrics=guard_metrics(guard, dataset, split),
        pointing=None,
    )


def _judge_objects(guard: ChestGuard, folder: Path, out: Path, console: Console | None) -> None:
    verdicts = judge_objects(guard, folder)
    write_objects(verdicts, out / "objects.json")
    if console is not None:
        console.print(objects_table(verdicts))


def layout_for(card: ModelCard, layout: str) -> str:
    """The layout to read a data set by: where none is asked for, the one that the card names."""
    return card.layout if layout == AUTO and card.layout else layout


def evaluation_predictor(
    card: ModelCard, backend: Backend, channels: Sequence[ChannelSource] = ()
) -> ChestRadiographPredictor:
    """A predictor for measuring: its guard is never asked."""
    return ChestRadiographPredictor(
        card,
        backend,
        head=head_kernel(card),
        guard=ChestGuard(card, backend),
        channels=channels,
    )


def record_metrics(card: ModelCard, report: EvaluationReport) -> ModelCard:
    """Put a report's figures into a card's file, in place of older ones of the same split."""
    kept = tuple(metric for metric in card.metrics if metric.split != report.split)
    updated = dataclasses.replace(card, metrics=(*kept, *report.metrics))
    write_card(updated)
    return updated


def report_table(report: EvaluationReport) -> Table:
    """The report as a table for a terminal."""
    table = Table(title=f"{report.model} on {report.split} ({report.images} images)")
    for heading in ("label", "group", "images", "measure", "value", "95 % interval"):
        table.add_column(heading)
    for metric in report.metrics:
        table.add_row(
            metric.label,
            metric.group,
            str(metric.images),
            metric.name,
            f"{metric.value:.3f}",
            f"{metric.low:.3f} to {metric.high:.3f}",
        )
    if report.pointing is not None:
        game = report.pointing
        chance = game.expected_by_chance
        table.caption = (
            f"pointing game: {game.hits} of {game.boxes} images (chance {chance:.1f}); "
            f"boxes hit: {game.boxes_hit} of {game.boxes_drawn}"
        )
    return table
