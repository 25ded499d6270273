"""What is known of an image over all its results: the last word on each label, and every box."""

from dataclasses import replace
from datetime import timedelta

from ai_engine.prediction import Region
from dicom_node.domain.device import Device
from dicom_node.domain.review.review import OTHER_LABEL
from dicom_node.domain.warehouse import LabelledBox, WarehouseRecord
from dicom_node.export.validated_images import ValidatedImage, ValidatedImages
from tests.unit.builders import EPOCH
from tests.unit.validated import LABEL, Validated

CR1 = Device(calling_ae="CR1")
Said = dict[str, bool | None]


def record(
    number: int, said: Said, *, model: str = "one", boxes: tuple[LabelledBox, ...] = ()
) -> WarehouseRecord:
    """A result of the same image: what was said of it, by whose model, and when."""
    validated = Validated()
    validated.add(CR1, score=0.7, truth=True)
    (made,) = validated.warehouse.records()
    (truth,) = made.truths
    at = EPOCH + timedelta(hours=number)
    return replace(
        made,
        record_id=f"{number:032d}",
        decided_at=at,
        model=replace(made.model, name=model),
        truths=tuple(
            replace(truth, label=label, value=value, model_name=model, decided_at=at)
            for label, value in said.items()
        ),
        boxes=boxes,
    )


def box(label: str, left: int = 10, frame: int | None = None) -> LabelledBox:
    return LabelledBox(
        record_id="",
        sop_instance_uid="1.2.0",
        frame_number=frame,
        label=label,
        box=Region(left=left, top=20, right=30, bottom=40),
        drawn=True,
    )


def image_of(*records: WarehouseRecord) -> ValidatedImage:
    gathered = ValidatedImages()
    for each in records:
        gathered.add(each)
    (image,) = gathered.all()
    return image


def test_what_one_model_does_not_judge_is_no_denial() -> None:
    image = image_of(record(1, {LABEL: True}), record(2, {"gout": True, "cold": False}, model="B"))
    assert (image.present, image.absent, image.unsure) == ({LABEL, "gout"}, {"cold"}, frozenset())


def test_the_last_word_on_a_label_counts_and_leaves_the_others_alone() -> None:
    image = image_of(record(1, {LABEL: True, "gout": True}), record(2, {LABEL: False}))
    assert (image.present, image.absent) == ({"gout"}, {LABEL})
    again = image_of(record(1, {LABEL: True}), record(2, {LABEL: None}))
    assert (again.labels, again.unsure) == ({LABEL}, {LABEL})


def test_a_result_that_is_rejected_whole_says_nothing() -> None:
    image = image_of(record(1, {LABEL: True}, boxes=(box(LABEL),)), record(2, {}))
    assert (image.present, len(image.boxes)) == ({LABEL}, 1)
    assert not image_of(record(1, {})).labels


def test_boxes_of_all_models_stay_and_those_that_were_overruled_go() -> None:
    first = record(1, {LABEL: True, "gout": True}, boxes=(box(LABEL), box("gout")))
    other = record(2, {LABEL: True}, model="B", boxes=(box(LABEL), box(LABEL, left=50)))
    lefts = [each.box.left for each in image_of(first, other).boxes if each.label == LABEL]
    assert sorted(lefts) == [10, 50]
    redrawn = record(3, {LABEL: True}, boxes=(box(LABEL, left=12),))
    moved = [(each.label, each.box.left) for each in image_of(first, redrawn).boxes]
    assert sorted(moved) == sorted([("gout", 10), (LABEL, 12)])
    denied = record(3, {LABEL: False, "gout": None})
    assert not image_of(first, denied).boxes


def test_boxes_of_findings_without_a_label_follow_their_result() -> None:
    first = record(1, {LABEL: False}, boxes=(box(OTHER_LABEL),))
    assert [each.label for each in image_of(first).boxes] == [OTHER_LABEL]
    assert not image_of(first, record(2, {LABEL: False})).boxes


def test_a_label_is_present_where_one_frame_has_it() -> None:
    made = record(1, {LABEL: True})
    (truth,) = made.truths
    frames = tuple(
        replace(truth, frame_number=number, value=value)
        for number, value in enumerate((False, True, None), start=1)
    )
    standing, denied = box(LABEL, frame=2), box(LABEL, frame=1)
    image = image_of(replace(made, truths=frames, boxes=(standing, denied)))
    assert (image.present, image.boxes) == ({LABEL}, (standing,))


def test_the_file_is_taken_from_a_record_that_still_had_it() -> None:
    first, second = record(1, {LABEL: True}), record(2, {LABEL: True})
    (file,) = first.images
    lost = replace(second, images=(replace(file, path=""),))
    assert image_of(first, lost).image == file
    assert image_of(lost, first).image == file
