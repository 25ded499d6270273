"""What ``dicom-node models reference`` does: the look of a model's training images, in figures."""

from pathlib import Path

from ai_engine.datasets.cxr import Split
from ai_engine.datasets.layouts import read_dataset
from ai_engine.datasets.radiographs import as_radiograph, frontal_items
from ai_engine.kinds.evaluating import layout_for
from ai_engine.kinds.likeness import Likeness, figures, made_likeness, write_likeness
from ai_engine.library.card import ModelCard


def make_reference(card: ModelCard, data: Path, layout: str) -> tuple[Path, Likeness]:
    """Measure the training images of a data set, choose the limit on its validation images.

    Returns
    -------
    tuple
        The file in the model's folder, and what it holds.

    Raises
    ------
    DatasetError
        If the data set can't be used as it is.
    """
    dataset = read_dataset(data, layout_for(card, layout))
    training, validation = (
        [figures(as_radiograph(dataset, item)) for item in frontal_items(dataset, split)]
        for split in (Split.TRAIN, Split.VALID)
    )
    words = f"{dataset.name}: {len(training)} training, {len(validation)} validation images"
    made = made_likeness(training, validation, words)
    return write_likeness(made, card.folder), made
