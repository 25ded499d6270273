"""What ``dicom-node models compare`` says of a classifier's quality."""

import itertools

import numpy as np

from ai_engine.datasets.radiographs import frontal_items
from ai_engine.kinds.classifier.classes import evaluate_classes, is_exclusive
from ai_engine.kinds.classifier.evaluation import evaluation_predictor
from ai_engine.kinds.classifier.scoring import score_split
from ai_engine.kinds.evaluating import Evaluation, Quality
from ai_engine.measures.metrics import bootstrap, measures


def quality(asked: Evaluation) -> Quality:
    """Accuracy at the model's threshold, and AUC with its interval, of its first label.

    Of classes that exclude each other, how often the likeliest is right: table I's figure.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, DatasetError
        If the model, one that makes its channels, or the data can't be used as they are.
    """
    card, dataset = asked.card, asked.dataset
    if is_exclusive(card):
        items = dataset.part(asked.split)
        report = evaluate_classes(card, asked.backend, dataset, items, asked.split.value)
        return Quality(accuracy=report.accuracy.value)
    predictor = evaluation_predictor(card, asked.backend, asked.loading.channels())
    scored = score_split(predictor, dataset, frontal_items(dataset, asked.split))
    label = card.labels[0]
    known = scored.known(label.name)
    truth, scores = scored.truth(label.name)[known], scored.scores(label.name)[known]
    patients = tuple(itertools.compress(scored.patients, known))
    interval = bootstrap(measures(label.threshold)["auc"], truth, scores, patients)
    return Quality(
        accuracy=float(np.mean((scores >= label.threshold) == truth)),
        auc=interval.value,
        auc_low=interval.low,
        auc_high=interval.high,
    )
