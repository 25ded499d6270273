"""The three forms of an export. Each takes records and an empty folder, and counts as it goes."""

import csv
import json
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydicom import Dataset

from dicom_node.domain.warehouse import LabelledBox, WarehouseRecord
from dicom_node.errors import NodeError
from dicom_node.export.pictures import Picture, write_picture
from dicom_node.export.sources import ExportedImage, Sources
from dicom_node.export.summary import ExportSummary

_VIEWS = frozenset({"AP", "PA"})
# Patients by split, as the project's own sample is divided.
_SPLITS = ((0.7, "train"), (0.85, "valid"), (1.0, "test"))


class ExportFormat(StrEnum):
    """What an export looks like."""

    DICOM = "dicom"
    NIH = "nih"
    COCO = "coco"


def export_dicom(records: Iterable[WarehouseRecord], sources: Sources, out: Path) -> ExportSummary:
    """Write images and verifying reports as Part 10 files: device, patient, study, object."""
    summary = ExportSummary()
    for record in records:
        folder = out / sources.pseudonyms.device(record.device.device_id)
        for image in sources.images(record, summary.skip):
            _write(image.dataset, folder)
            summary.add_image(record, image.original_uid)
        path = sources.report(record)
        if path is None:
            summary.skipped["report: the file is gone"] += 1
            continue
        try:
            report = sources.deidentified(path, record)
        except NodeError as error:
            summary.skipped[f"report: {error}"] += 1
            continue
        _write(report, folder)
        summary.reports += 1
    return summary


def export_nih(records: Iterable[WarehouseRecord], sources: Sources, out: Path) -> ExportSummary:
    """Write ``labels.csv``, ``boxes.csv`` and ``images/``, as ``models train`` reads them.

    A label that nobody decided for an image is 0 there, as in NIH's table. ``device`` is the
    device's pseudonym. Patients are divided into splits by their pseudonyms, so a later export
    divides them in the same way.
    """
    summary = ExportSummary()
    rows: list[dict[str, Any]] = []
    boxes: list[dict[str, Any]] = []
    for image, picture in _pictures(records, sources, out / "images", summary):
        record = image.record
        patient = str(image.dataset.PatientID)
        rows.append(
            {
                "file": picture.file,
                "patient_id": patient,
                "age": _years(str(image.dataset.get("PatientAge") or "")),
                "sex": str(image.dataset.get("PatientSex") or ""),
                "view": str(image.dataset.get("ViewPosition")),
                "split": _split(sources.pseudonyms.share(record.patient_key)),
                "device": sources.pseudonyms.device(record.device.device_id),
                "positive": _positive(record, image.original_uid),
            }
        )
        for box in _boxes(record, image.original_uid):
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
    _write_labels(rows, out / "labels.csv")
    _write_table(boxes, ("file", "label", "x", "y", "width", "height"), out / "boxes.csv")
    summary.boxes = len(boxes)
    return summary


def export_coco(records: Iterable[WarehouseRecord], sources: Sources, out: Path) -> ExportSummary:
    """Write ``annotations.json`` with boxes as COCO has them, and ``images/``."""
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
                "device": sources.pseudonyms.device(image.record.device.device_id),
                "labels": sorted(_positive(image.record, image.original_uid)),
            }
        )
        for box in _boxes(image.record, image.original_uid):
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
    for record in records:
        for image in sources.images(record, summary.skip):
            if not any_view and str(image.dataset.get("ViewPosition") or "") not in _VIEWS:
                summary.skipped["its view position is neither AP nor PA"] += 1
                continue
            try:
                picture = write_picture(image, folder)
            except NodeError as error:
                summary.skipped[str(error)] += 1
                continue
            summary.add_image(record, image.original_uid)
            yield image, picture


def _positive(record: WarehouseRecord, uid: str) -> frozenset[str]:
    return frozenset(
        truth.label for truth in record.truths if truth.sop_instance_uid == uid and truth.value
    )


def _boxes(record: WarehouseRecord, uid: str) -> tuple[LabelledBox, ...]:
    return tuple(box for box in record.boxes if box.sop_instance_uid == uid)


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


def _write_labels(rows: list[dict[str, Any]], path: Path) -> None:
    labels = sorted({label for row in rows for label in row["positive"]})
    for row in rows:
        positive = row.pop("positive")
        row.update({label: int(label in positive) for label in labels})
    fields = ("file", "patient_id", "age", "sex", "view", "split", "device", *labels)
    _write_table(rows, fields, path)


def _write_table(rows: list[dict[str, Any]], fields: tuple[str, ...], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fields)
        writer.writeheader()
        writer.writerows(rows)
