"""Images of a data set as the preprocessing of DICOM objects would give them."""

import numpy as np

from ai_engine.datasets.cxr import CxrBox, CxrDataset, CxrItem, Split, View
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.patient_context import PatientContext, context_of
from ai_engine.preprocessing.radiograph import Radiograph


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


def frontal_items(dataset: CxrDataset, split: Split) -> tuple[CxrItem, ...]:
    """The items of a part that are not lateral: what a model of single images may see."""
    return tuple(item for item in dataset.part(split) if item.view is not View.LATERAL)
