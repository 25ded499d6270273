"""What ``dicom-node models evaluate`` does with a classifier: labels, or classes that exclude."""

from collections.abc import Sequence

from ai_engine.datasets.cxr import Split
from ai_engine.datasets.radiographs import frontal_items
from ai_engine.inference.backend import Backend
from ai_engine.inference.explain import head_kernel
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.kinds.classifier.classes import (
    accuracy_in_words,
    classes_table,
    evaluate_classes,
    figures_table,
    is_exclusive,
)
from ai_engine.kinds.classifier.pointing import play_pointing_game
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.classifier.scoring import score_split
from ai_engine.kinds.evaluating import Evaluation, beside_the_paper, draw
from ai_engine.kinds.guarding import Unguarded
from ai_engine.library.card import ModelCard
from ai_engine.measures.report import EvaluationReport, confusions, measure_split
from ai_engine.measures.scored import ScoredSplit


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure a classifier on a split, exactly as it is served.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, DatasetError
        If the model, one that makes its channels, or the data can't be used as they are.
    """
    if is_exclusive(asked.card):
        return _of_classes(asked)
    predictor = evaluation_predictor(asked.card, asked.backend, asked.loading.channels())
    items = frontal_items(asked.dataset, asked.split)
    scored = score_split(predictor, asked.dataset, asked.shown(items, "scoring"))
    beside_the_paper(asked, scored)
    report = _of_labels(asked, predictor, scored)
    draw(asked, scored, report)
    return report


def evaluation_predictor(
    card: ModelCard, backend: Backend, channels: Sequence[ChannelSource] = ()
) -> ChestRadiographPredictor:
    """A predictor for measuring: without a guard."""
    return ChestRadiographPredictor(
        card, backend, head=head_kernel(card), guard=Unguarded(), channels=channels
    )


def _of_classes(asked: Evaluation) -> EvaluationReport:
    items = asked.dataset.part(asked.split)
    shown = asked.shown(items, "classifying")
    found = evaluate_classes(asked.card, asked.backend, asked.dataset, shown, asked.split.value)
    found.write(asked.out / "classes.json")
    asked.say(classes_table(found), figures_table(found), accuracy_in_words(found))
    return EvaluationReport(
        model=asked.card.identity.key,
        split=asked.split.value,
        images=found.accuracy.images,
        patients=len({item.patient_id for item in items}),
        metrics=(found.accuracy, *found.metrics),
    )


def _of_labels(
    asked: Evaluation, predictor: ChestRadiographPredictor, scored: ScoredSplit
) -> EvaluationReport:
    dataset, labels = asked.dataset, asked.card.labels
    unseen = frozenset(item.file for item in dataset.items if item.split is not Split.TRAIN)
    return EvaluationReport(
        model=asked.card.identity.key,
        split=asked.split.value,
        images=len(scored.items),
        patients=len(set(scored.patients)),
        metrics=measure_split(scored, labels, asked.split.value),
        pointing=play_pointing_game(predictor, dataset, unseen) if dataset.boxes else None,
        confusions=confusions(scored, labels),
    )
