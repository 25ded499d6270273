"""The three forms of an export. Each takes records and an empty folder, and counts as it goes.

An image goes out once, with the last word on each label over all the results that it is in.
"""

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydicom import Dataset

from ai_engine.datasets.cxr import FIELDS, OPTIONAL_FIELDS
from dicom_node.domain.warehouse import WarehouseRecord
from dicom_node.errors import NodeError
from dicom_node.export.export_format import ExportFormat
from dicom_node.export.pictures import Picture, write_picture
from dicom_node.export.sources import ExportedImage, Sources
from dicom_node.export.summary import ExportSummary
from dicom_node.export.validated_images import ValidatedImages

_VIEWS = frozenset({"AP", "PA"})
# Patients by split, as the project's own sample is divided.
_SPLITS = ((0.7, "train"), (0.85, "valid"), (1.0, "test"))


def export_dicom(records: Iterable[WarehouseRecord], sources: Sources, out: Path) -> ExportSummary:
    """Write images and verifying reports as Part 10 files: device, patient, study, object."""
    summary, validated = ExportSummary(), ValidatedImages()
    for record in records:
        validated.add(record)
        path = sources.report(record)
        if path is None:
            summary.skip("report: the file is gone")
            continue
        try:
            report = sources.deidentified(path, record.patient_key)
        except NodeError as error:
            summary.skip(f"report: {error}")
            continue
        _write(report, out / sources.pseudonyms.device(record.device.device_id))
        summary.reports += 1
    for image in sources.images(validated.all(), summary.skip):
        device = image.validated.device.device_id
        _write(image.dataset, out / sources.pseudonyms.device(device))
        summary.add_image(image.validated)
    return summary


def export_nih(records: Iterable[WarehouseRecord], sources: Sources, out: Path) -> ExportSummary:
    """Write ``labels.csv``, ``boxes.csv`` and ``images/``, as ``models train`` reads them.

    A label is 1 or 0 where an expert said so, and empty where nobody judged it or could tell.
    ``device`` is the device's pseudonym. Patients are divided into splits by their pseudonyms, so
    a later export divides them in the same way. Boxes of findings that have no label stay out.
    """
    summary = ExportSummary()
    rows: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    labels: frozenset[str] = frozenset()
    for image, picture in _pictures(records, sources, out / "images", summary):
        validated = image.validated
        rows.append(
            {
                "file": picture.file,
                "patient_id": str(image.dataset.PatientID),
                "age": _years(str(image.dataset.get("PatientAge") or "")),
                "sex": str(image.dataset.get("PatientSex") or ""),
                "view": str(image.dataset.get("ViewPosition")),
                "split": _split(sources.pseudonyms.share(validated.patient_key)),
                "device": sources.pseudonyms.device(validated.device.device_id),
                **dict.fromkeys(validated.present, 1),
                **dict.fromkeys(validated.absent, 0),
            }
        )
        labels |= validated.labels
        for box in validated.boxes:
            if box.label not in validated.present:
                continue
            x, y, width, height = picture.box(box.box)
            boxes.append(
                {
                    "file": picture.file,
                    "label": box.label,
                    "x": x,
                    "y": y,
                    "width": width,
                    "height": height,
                }
            )
    _write_table(rows, (*FIELDS, *OPTIONAL_FIELDS, *sorted(labels)), out / "labels.csv")
    _write_table(boxes, ("file", "label", "x", "y", "width", "height"), out / "boxes.csv")
    summary.boxes = len(boxes)
    return summary


def export_coco(records: Iterable[WarehouseRecord], sources: Sources, out: Path) -> ExportSummary:
    """Write ``annotations.json`` with boxes as COCO has them, and ``images/``.

    Beside what COCO has, an image names its ``labels``, those that are ``absent``, and those that
    are ``undecided``; a label in none of the lists was judged by nobody.
    """
    summary = ExportSummary()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    categories: dict[str, int] = {}
    for image, picture in _pictures(records, sources, out / "images", summary, any_view=True):
        number = len(images) + 1
        images.append(
            {
                "id": number,
                "file_name": picture.file,
                "width": picture.columns,
                "height": picture.rows,
                "device": sources.pseudonyms.device(image.validated.device.device_id),
                "labels": sorted(image.validated.present),
                "absent": sorted(image.validated.absent),
                "undecided": sorted(image.validated.unsure),
            }
        )
        for box in image.validated.boxes:
            x, y, width, height = picture.box(box.box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": categories.setdefault(box.label, len(categories) + 1),
                    "bbox": [x, y, width, height],
                    "area": round(width * height, 2),
                    "iscrowd": 0,
                    "drawn": box.drawn,
                }
            )
    document = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in categories.items()],
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "annotations.json").write_text(
        json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    summary.boxes = len(annotations)
    return summary


EXPORTS = {
    ExportFormat.DICOM: export_dicom,
    ExportFormat.NIH: export_nih,
    ExportFormat.COCO: export_coco,
}


def _pictures(
    records: Iterable[WarehouseRecord],
    sources: Sources,
    folder: Path,
    summary: ExportSummary,
    *,
    any_view: bool = False,
) -> Iterator[tuple[ExportedImage, Picture]]:
    validated = ValidatedImages()
    for record in records:
        validated.add(record)
    for image in sources.images(validated.all(), summary.skip):
        if not image.validated.labels:
            summary.skip("its result was rejected, and nothing else was decided about it")
            continue
        if not any_view and str(image.dataset.get("ViewPosition") or "") not in _VIEWS:
            summary.skip("its view position is neither AP nor PA")
            continue
        try:
            picture = write_picture(image, folder)
        except NodeError as error:
            summary.skip(str(error))
            continue
        summary.add_image(image.validated)
        yield image, picture


def _split(share: float) -> str:
    return next(name for limit, name in _SPLITS if share < limit)


def _years(age: str) -> str:
    """An age string in years; empty where there is none."""
    if not age:
        return ""
    days = {"D": 1.0, "W": 7.0, "M": 30.44, "Y": 365.25}[age[3]] * int(age[:3])
    return f"{days / 365.25:.2f}".rstrip("0").rstrip(".")


def _write(dataset: Dataset, folder: Path) -> None:
    place = folder / str(dataset.PatientID) / str(dataset.StudyInstanceUID)
    place.mkdir(parents=True, exist_ok=True)
    dataset.save_as(place / f"{dataset.SOPInstanceUID}.dcm", enforce_file_format=True)


def _write_table(rows: list[dict[str, Any]], fields: tuple[str, ...], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fields)
        writer.writeheader()
        writer.writerows(rows)
