"""What ``dicom-node models evaluate`` does with paper 4's classifier: its head, and its classes."""

import dataclasses
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.datasets.rsna import CLASSES
from ai_engine.kinds.evaluating import Evaluation
from ai_engine.kinds.with_header.loading import load_classifier
from ai_engine.kinds.with_header.predictor import OpacityClassifier
from ai_engine.library.card import Label
from ai_engine.measures.metrics import BOOTSTRAP_ROUNDS
from ai_engine.measures.plots import draw_calibration, draw_precision_recall, draw_roc
from ai_engine.measures.report import EvaluationReport, measure_split
from ai_engine.measures.scored import ScoredSplit

ALONE = "pixels alone: "
"""Stands before the classes, which are measured without the header."""


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure paper 4's classifier on a split, as `evaluate_with_header` does."""
    return evaluate_with_header(
        load_classifier(asked.loading),
        asked.dataset,
        split=asked.split,
        out=asked.out,
        console=asked.console,
    )


def evaluate_with_header(
    classifier: OpacityClassifier,
    dataset: CxrDataset,
    *,
    split: Split,
    out: Path,
    rounds: int = BOOTSTRAP_ROUNDS,
    console: Console | None = None,
) -> EvaluationReport:
    """Measure the joined probability, and for comparison each class of the image alone.

    Paper 4 shows curves of the classes (Fig. 7) and prints no figures.
    """
    items = dataset.part(split)
    shown = track(items, "scoring", console=console, disable=console is None)
    looks = [classifier.look(as_radiograph(dataset, item)) for item in shown]
    label = classifier.card.labels[0]
    joined = ScoredSplit(
        items=items,
        labels=(label.name,),
        probabilities=np.array([[look.probability] for look in looks], dtype=np.float64),
    )
    classes = ScoredSplit(
        items=items,
        labels=CLASSES,
        probabilities=np.array([look.classes for look in looks], dtype=np.float64),
    )
    alone = [Label(name=name, title=name, threshold=0.5) for name in CLASSES]
    of_joined = measure_split(joined, [label], split.value, rounds=rounds)
    of_classes = measure_split(classes, alone, split.value, rounds=rounds)
    draw_roc(joined, [label], out / "roc.png", of_joined)
    draw_precision_recall(joined, [label], out / "precision_recall.png", of_joined)
    draw_calibration(joined, [label], out / "calibration.png", of_joined)
    draw_roc(classes, alone, out / "roc_classes.png", of_classes)
    metrics = (
        *of_joined,
        *(dataclasses.replace(metric, label=f"{ALONE}{metric.label}") for metric in of_classes),
    )
    return EvaluationReport(
        model=classifier.card.identity.key,
        split=split.value,
        images=len(items),
        patients=len({item.patient_id for item in items}),
        metrics=metrics,
    )
