"""Run a model over a split of a data set, exactly as it is served."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrBox, CxrDataset, CxrItem
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.patient_context import PatientContext, context_of
from ai_engine.preprocessing.radiograph import Radiograph


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ScoredSplit:
    """Items of a split and the model's probabilities, float64 (items, labels)."""

    items: tuple[CxrItem, ...]
    labels: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]

    def scores(self, label: str) -> npt.NDArray[np.float64]:
        """Probabilities of one label, in the items' order."""
        return self.probabilities[:, self.labels.index(label)]

    def truth(self, label: str) -> npt.NDArray[np.bool_]:
        """Whether each item has the label."""
        return np.array([label in item.labels for item in self.items])

    def known(self, label: str) -> npt.NDArray[np.bool_]:
        """Whether somebody decided on the label for each item."""
        return np.array([label not in item.uncertain for item in self.items], dtype=np.bool_)

    @property
    def patients(self) -> tuple[str, ...]:
        """Patient of each item."""
        return tuple(item.patient_id for item in self.items)


def score_split(
    predictor: ChestRadiographPredictor,
    dataset: CxrDataset,
    items: Iterable[CxrItem],
) -> ScoredSplit:
    """Probabilities of every item, one by one."""
    scored, rows = [], []
    for item in items:
        scored.append(item)
        rows.append(predictor.probabilities(as_radiograph(dataset, item)))
    return ScoredSplit(
        items=tuple(scored),
        labels=tuple(label.name for label in predictor.card.labels),
        probabilities=np.array(rows, dtype=np.float64),
    )


def as_radiograph(dataset: CxrDataset, item: CxrItem | CxrBox) -> Radiograph:
    """An image of the data set as the preprocessing of DICOM objects would give it."""
    pixels = dataset.image(item).astype(np.float32) / np.float32(255)
    patient = (
        context_of(sex=item.sex, age=item.age, view=item.view.value)
        if isinstance(item, CxrItem)
        else PatientContext()
    )
    return Radiograph(
        sop_instance_uid=item.file,
        pixels=pixels,
        content=content_region(pixels),
        patient=patient,
    )
