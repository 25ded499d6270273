"""What ``dicom-node models evaluate`` does with a bone generator: how far its bones are off."""

from collections.abc import Iterator, Sequence

import numpy as np
from rich.console import Console
from rich.progress import track

from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.kinds.bones.dataset import BonePair, read_bone_pairs
from ai_engine.kinds.bones.loading import load_subtractor
from ai_engine.kinds.bones.predictor import BoneSubtractor
from ai_engine.kinds.evaluating import Evaluation
from ai_engine.library.card import Metric
from ai_engine.measures.overlap import mean_interval
from ai_engine.measures.report import EvaluationReport
from ai_engine.preprocessing.geometry import FloatImage, content_region
from ai_engine.preprocessing.radiograph import Radiograph


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure a bone generator on a folder of pairs; it raises what `evaluate_bones` does."""
    return evaluate_bones(
        load_subtractor(asked.loading),
        read_bone_pairs(asked.data),
        split=asked.split,
        console=asked.console,
    )


def evaluate_bones(
    subtractor: BoneSubtractor,
    pairs: Sequence[BonePair],
    *,
    split: Split,
    console: Console | None = None,
) -> EvaluationReport:
    """Measure a generator on the source grid of a split's radiographs, as it is served.

    Paper 3 prints no figures for its images.

    Raises
    ------
    DatasetError
        If no pair falls into the split.
    """
    chosen = [pair for pair in pairs if pair.split is split]
    if not chosen:
        raise DatasetError(
            f"no pair falls into the {split.value} part: without a split.csv that names one, pairs "
            "are split into train and valid"
        )
    shown = track(chosen, "drawing", console=console, disable=console is None)
    measured = [_measured(subtractor, pair) for pair in shown]
    differences, bones = ([pair[at] for pair in measured] for at in (0, 1))
    return EvaluationReport(
        model=subtractor.card.identity.key,
        split=split.value,
        images=len(chosen),
        patients=len({pair.patient for pair in chosen}),
        metrics=tuple(bone_metrics(differences, bones, split)),
    )


def bone_metrics(
    differences: Sequence[FloatImage], bones: Sequence[FloatImage], split: Split
) -> Iterator[Metric]:
    """How far drawn bones are from real ones, of 1, and the signal to noise in decibels.

    ``differences`` are float32 (rows, columns) of each image, drawn less real; ``bones`` the real
    ones: the group ``radiograph as it is`` is of taking nothing away.
    """
    for group, images in (("all", differences), ("radiograph as it is", bones)):
        errors = [float(np.abs(each).mean()) for each in images]
        noise = [max(float(np.square(each).mean()), 1e-12) for each in images]
        for name, values in (
            ("mean_absolute_error", errors),
            ("peak_signal_to_noise_db", [-10 * float(np.log10(each)) for each in noise]),
        ):
            interval = mean_interval(values)
            yield interval.as_metric(
                name, label="Bones", split=split.value, images=len(values), group=group
            )


def _measured(subtractor: BoneSubtractor, pair: BonePair) -> tuple[FloatImage, FloatImage]:
    """Drawn less real bones, and the real ones."""
    pixels, bones = pair.read()
    rows, columns = pixels.shape
    radiograph = Radiograph(
        sop_instance_uid=pair.radiograph.name, pixels=pixels, content=content_region(pixels)
    )
    return subtractor.draw(radiograph).bones(rows=rows, columns=columns) - bones, bones
