"""The three forms of an export, read back by what will read them."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from pydicom import dcmread, dcmwrite

from ai_engine.datasets.cxr import read_cxr
from ai_engine.prediction import Region
from dicom_node.domain.device import Device
from dicom_node.domain.review.review import OTHER_LABEL
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
    return [replace(found[0], boxes=(box,)), *found[1:]]


def of_one_image(first: WarehouseRecord, *others: WarehouseRecord) -> list[WarehouseRecord]:
    """The records as if all were of the first one's image."""
    uid = first.images[0].sop_instance_uid
    return [
        replace(
            each,
            images=first.images,
            patient_key=first.patient_key,
            truths=tuple(replace(truth, sop_instance_uid=uid) for truth in each.truths),
        )
        for each in (first, *others)
    ]


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


@pytest.mark.slow
def test_an_image_is_one_row_whoever_judged_it_and_however_often(
    records: list[WarehouseRecord], picture: Path, tmp_path: Path
) -> None:
    positive, again, unsure = records
    other_model = replace(
        unsure,
        truths=tuple(
            replace(truth, label=label, value=value)
            for truth in unsure.truths
            for label, value in (("gout", True), ("cold", False), ("flu", None))
        ),
    )
    made = of_one_image(positive, again, other_model)
    elsewhere = replace(positive.images[0], sop_instance_uid="1.2.99")
    second = replace(
        positive,
        images=(elsewhere,),
        truths=tuple(replace(each, sop_instance_uid="1.2.99") for each in positive.truths),
        boxes=(),
    )
    other_picture = tmp_path / "second.dcm"
    copied = dcmread(picture)
    copied.SOPInstanceUID = copied.file_meta.MediaStorageSOPInstanceUID = "1.2.99"
    copied.save_as(other_picture, enforce_file_format=True)
    found = sources(lambda image: other_picture if image.sop_instance_uid == "1.2.99" else picture)

    summary = export_nih([*made, second], found, tmp_path / "nih")
    dataset = read_cxr(tmp_path / "nih")
    first, last = dataset.items
    assert dataset.labels == tuple(sorted(("gout", "cold", "flu", LABEL)))
    assert (first.labels, first.uncertain) == ({"gout"}, {"flu"})
    assert (last.labels, last.uncertain) == ({LABEL}, {"gout", "cold", "flu"})
    assert not dataset.boxes
    assert sum(summary.images.values()) == 2
    assert (CR1.device_id, LABEL, 1, 1) in summary.rows()
    assert (CR1.device_id, "gout", 1, 0) in summary.rows()

    summary = export_coco([*made, second], found, tmp_path / "coco")
    document = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert [image["labels"] for image in document["images"]] == [["gout"], [LABEL]]
    assert document["images"][0]["absent"] == sorted(["cold", LABEL])
    assert document["images"][0]["undecided"] == ["flu"]
    assert sum(summary.images.values()) == 2

    summary = export_dicom([*made, second], found, tmp_path / "dicom")
    assert sum(summary.images.values()) == len(list((tmp_path / "dicom").rglob("*.dcm"))) == 2


def test_boxes_without_a_label_are_in_coco_and_keep_training_from_nothing(
    records: list[WarehouseRecord], picture: Path, tmp_path: Path
) -> None:
    boxes = tuple(replace(box, label=OTHER_LABEL) for box in records[0].boxes)
    made = [replace(records[0], boxes=boxes)]
    export_nih(made, sources(lambda _image: picture), tmp_path / "nih")
    assert not read_cxr(tmp_path / "nih").boxes
    assert export_coco(made, sources(lambda _image: picture), tmp_path / "coco").boxes == 1


def test_a_result_that_was_rejected_whole_is_no_row_of_denials(
    records: list[WarehouseRecord], picture: Path, tmp_path: Path
) -> None:
    rejected = replace(records[0], truths=(), boxes=())
    summary = export_nih([rejected], sources(lambda _image: picture), tmp_path)
    assert not summary.images
    assert summary.skipped == {"its result was rejected, and nothing else was decided about it": 1}


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


@pytest.mark.parametrize("export", [export_dicom, export_nih, export_coco])
@pytest.mark.parametrize(
    "uid",
    [
        "1.2.840.10008./../../../../outside",
        "1.2.840.10008./../..",
        "/outside",
        "../../outside",
        "..",
        "1.2.840.10008.19540101",
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_no_identifier_of_an_image_leads_out_of_the_export_or_into_it(
    export: Callable[..., object], uid: str, records: list[WarehouseRecord], tmp_path: Path
) -> None:
    made = small_radiograph()
    made.PatientID = made.StudyInstanceUID = made.SeriesInstanceUID = made.SOPInstanceUID = uid
    source, out = tmp_path / "image.dcm", tmp_path / "far" / "away" / "out"
    dcmwrite(source, made, enforce_file_format=True)
    export(records, sources(lambda _image: source), out)
    written = {path for path in tmp_path.rglob("*") if path.is_file()} - {source}
    assert written
    assert all(path.is_relative_to(out) for path in written)
    assert not any(uid in str(path.relative_to(out)) for path in written)
    assert all(uid.encode() not in path.read_bytes() for path in written if len(uid) > 2)
