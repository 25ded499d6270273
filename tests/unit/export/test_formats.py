"""The three forms of an export, read back by what will read them."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from pydicom import dcmread

from ai_engine.datasets.cxr import read_cxr
from ai_engine.prediction import Region
from dicom_node.domain.device import Device
from dicom_node.domain.warehouse import LabelledBox, WarehouseImage, WarehouseRecord
from dicom_node.export.formats import export_coco, export_dicom, export_nih
from dicom_node.export.pseudonyms import Pseudonyms
from dicom_node.export.sources import Sources
from tests.unit.export.images import small_radiograph
from tests.unit.validated import LABEL, Validated

CR1 = Device(calling_ae="CR1", model_name="Acme")
KEYS = Pseudonyms(b"k" * 32)


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One radiograph on disk, shared: every record shows the same image."""
    made = small_radiograph()
    made.PatientID, made.PatientAge, made.PatientSex = "SECRET-1", "061Y", "F"
    path = tmp_path_factory.mktemp("warehouse") / "image.dcm"
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def records() -> list[WarehouseRecord]:
    validated = Validated()
    for truth in (True, False, None):
        validated.add(CR1, score=0.7, truth=truth)
    found = list(validated.warehouse.records())
    image = found[0].images[0]
    box = LabelledBox(
        record_id=found[0].record_id,
        sop_instance_uid=image.sop_instance_uid,
        frame_number=None,
        label=LABEL,
        box=Region(left=100, top=200, right=300, bottom=500),
        drawn=True,
    )
    return [_with_boxes(found[0], (box,)), *found[1:]]


def _with_boxes(record: WarehouseRecord, boxes: tuple[LabelledBox, ...]) -> WarehouseRecord:
    values = {name: getattr(record, name) for name in WarehouseRecord.__dataclass_fields__}
    return WarehouseRecord(**{**values, "boxes": boxes})


def sources(image: Callable[[WarehouseImage], Path], report: Path | None = None) -> Sources:
    return Sources(image=image, report=lambda _record: report, pseudonyms=KEYS)


def test_dicom_lies_by_device_and_patient_with_counts(
    records: list[WarehouseRecord], picture: Path, tmp_path: Path
) -> None:
    summary = export_dicom(records, sources(lambda _image: picture), tmp_path)
    assert summary.rows() == ((CR1.device_id, LABEL, 1, 1),)
    assert summary.skipped == {"report: the file is gone": 3}
    files = list(tmp_path.rglob("*.dcm"))
    assert {path.parts[len(tmp_path.parts)] for path in files} == {KEYS.device(CR1.device_id)}
    for path in files:
        dataset = dcmread(path)
        assert dataset.PatientID == path.parent.parent.name
        assert "SECRET" not in str(dataset)


def test_the_nih_form_is_what_training_reads(
    records: list[WarehouseRecord], picture: Path, tmp_path: Path
) -> None:
    summary = export_nih(records[:1], sources(lambda _image: picture), tmp_path)
    dataset = read_cxr(tmp_path)
    (item,) = dataset.items
    assert (item.age, item.sex, item.view.value) == (61.0, "F", "PA")
    assert item.labels == {LABEL}
    assert item.device == KEYS.device(CR1.device_id)
    (box,) = dataset.boxes
    rows = int(dcmread(picture, stop_before_pixels=True).Rows)
    scale = 1024 / rows
    assert box.region.top == pytest.approx(200 * scale, abs=0.01)
    assert summary.boxes == 1
    assert max(dataset.image(item).shape) == 1024


def test_coco_has_categories_images_and_boxes(
    records: list[WarehouseRecord], picture: Path, tmp_path: Path
) -> None:
    export_coco(records[:1], sources(lambda _image: picture), tmp_path)
    document = json.loads((tmp_path / "annotations.json").read_text())
    (image,) = document["images"]
    (box,) = document["annotations"]
    assert document["categories"] == [{"id": 1, "name": LABEL}]
    assert box["image_id"] == image["id"]
    assert box["area"] == pytest.approx(box["bbox"][2] * box["bbox"][3], abs=0.1)
    shown = cv2.imread(str(tmp_path / "images" / image["file_name"]), cv2.IMREAD_UNCHANGED)
    assert shown.shape == (image["height"], image["width"])


def test_a_file_that_is_gone_is_left_out_with_a_word(
    records: list[WarehouseRecord], tmp_path: Path
) -> None:
    missing = tmp_path / "nowhere.dcm"
    summary = export_nih(records, sources(lambda _image: missing), tmp_path / "out")
    assert summary.skipped == {"the file is gone": 3}
    assert summary.rows() == ()
