"""Makes predictions, sources and contexts for tests, with only what matters said."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from pydicom.uid import DigitalXRayImageStorageForPresentation

from ai_engine.prediction import (
    Code,
    Finding,
    HeatMap,
    ImagePrediction,
    ModelIdentity,
    Prediction,
    Region,
)
from sr_templates.context import EvidenceContext

STUDY = "1.2.826.0.1.3680043.2.1"
IMAGE = f"{STUDY}.1.1"
LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")
PNEUMONIA = Code(value="233604007", scheme="SCT", meaning="Pneumonia")
ABNORMAL = Code(value="263654008", scheme="SCT", meaning="Abnormal")


def a_model(**changes: Any) -> ModelIdentity:
    """Return a research model."""
    model = ModelIdentity(
        name="chest-radiograph",
        version="1.2.0",
        weights_digest="0123456789abcdef" * 4,
        title="Chest radiograph",
        manufacturer="AI node project",
        research_only=True,
    )
    return replace(model, **changes)


def a_context(**changes: Any) -> EvidenceContext:
    """Return a node's identity at a fixed moment."""
    context = EvidenceContext(
        manufacturer="AI node project",
        model_name="AI integration node",
        software_version="0.1.0",
        device_serial_number="node-1",
        content_datetime=datetime(2026, 3, 4, 5, 6, 7, 890000, tzinfo=UTC),
    )
    return replace(context, **changes)


def a_heat_map(
    *blobs: tuple[float, float],
    rows: int = 200,
    columns: int = 160,
    spread: float = 1.3,
    region: Region | None = None,
) -> HeatMap:
    """Return a map of 12 by 12 cells over a padded square, with blobs at shares of the grid."""
    y, x = np.mgrid[0:12, 0:12]
    values = np.zeros((12, 12), np.float32)
    for across, down in blobs or ((0.35, 0.6),):
        distance = (x + 0.5 - 12 * across) ** 2 + (y + 0.5 - 12 * down) ** 2
        values = np.maximum(values, np.exp(-distance / (2 * spread**2)).astype(np.float32))
    side = max(rows, columns)
    left, top = (columns - side) / 2, (rows - side) / 2
    square = Region(left=left, top=top, right=left + side, bottom=top + side)
    return HeatMap(values=values, region=region or square)


def a_finding(**changes: Any) -> Finding:
    """Return a positive, localised pneumonia."""
    finding = Finding(
        label="pneumonia",
        title="Pneumonia",
        code=PNEUMONIA,
        site=LUNG,
        probability=0.873,
        threshold=0.5,
        heat_map=a_heat_map(),
    )
    return replace(finding, **changes)


def a_negative(**changes: Any) -> Finding:
    """Return a label below its threshold."""
    values: dict[str, Any] = {
        "label": "abnormal",
        "title": "Abnormality",
        "code": ABNORMAL,
        "probability": 0.2,
        "threshold": 0.45,
    }
    return a_finding(**{**values, **changes})


def an_image(*findings: Finding, uid: str = IMAGE, frame: int | None = None) -> ImagePrediction:
    """Return one image's verdicts: a positive and a negative one unless told."""
    return ImagePrediction(
        sop_instance_uid=uid,
        findings=findings or (a_finding(), a_negative()),
        frame_number=frame,
    )


def a_prediction(*images: ImagePrediction, **changes: Any) -> Prediction:
    """Return a prediction on one image, or on those given."""
    prediction = Prediction(model=a_model(), images=images or (an_image(),))
    return replace(prediction, **changes)


def a_source(**attributes: Any) -> Dataset:
    """Return the header of a chest radiograph; None leaves an attribute out."""
    values: dict[str, Any] = {
        "SOPClassUID": DigitalXRayImageStorageForPresentation,
        "SOPInstanceUID": IMAGE,
        "StudyInstanceUID": STUDY,
        "SeriesInstanceUID": f"{STUDY}.1",
        "PatientName": "Doe^Jane",
        "PatientID": "P-1",
        "PatientBirthDate": "19600102",
        "PatientSex": "F",
        "PatientAge": "066Y",
        "StudyDate": "20260304",
        "StudyTime": "041500",
        "AccessionNumber": "A-1",
        "ReferringPhysicianName": "Roe^Richard",
        "StudyID": "S-1",
        "StudyDescription": "Chest PA",
        "Modality": "DX",
        "BodyPartExamined": "CHEST",
        "PatientOrientation": ["L", "F"],
        "ImagerPixelSpacing": ["0.2", "0.2"],
        "Rows": 200,
        "Columns": 160,
    }
    source = Dataset()
    for keyword, value in {**values, **attributes}.items():
        if value is not None:
            setattr(source, keyword, value)
    return source


def raw_source(encoding: str = "ascii", **values: str) -> Dataset:
    """Return a header with values as a file holds them: undecoded, invalid ones included."""
    source = a_source(**dict.fromkeys(values))
    for keyword, text in values.items():
        data, tag = text.encode(encoding), Tag(keyword)
        source[tag] = RawDataElement(
            tag, dictionary_VR(tag), len(data), data, 0, is_implicit_VR=False, is_little_endian=True
        )
    return source


def some_pixels(rows: int = 200, columns: int = 160) -> npt.NDArray[np.float32]:
    """Return a display-ready image: a ramp from black to white."""
    ramp = np.linspace(0.0, 1.0, columns, dtype=np.float32)
    return np.repeat(ramp[None, :], rows, axis=0)
