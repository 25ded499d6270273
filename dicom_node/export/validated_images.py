"""What experts have said of each image: the last word on every label, over all its results."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from dicom_node.domain.device import Device
from dicom_node.domain.review.review import OTHER_LABEL
from dicom_node.domain.warehouse import (
    LabelledBox,
    LabelTruth,
    WarehouseImage,
    WarehouseRecord,
    newest,
)

Place = tuple[int | None, str]
"""Frame and label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedImage:
    """One image with all that was decided about it.

    A label is ``present`` where it is on any frame, ``unsure`` where an expert could not tell;
    one in none of the three sets was judged by nobody. ``boxes`` are those of present labels and
    of findings that the vocabulary does not have.
    """

    image: WarehouseImage
    device: Device
    patient_key: str
    present: frozenset[str]
    absent: frozenset[str]
    unsure: frozenset[str]
    boxes: tuple[LabelledBox, ...]

    @property
    def labels(self) -> frozenset[str]:
        """Every label that somebody judged."""
        return self.present | self.absent | self.unsure


@dataclass(slots=True)
class ValidatedImages:
    """Gathers records by image. They come oldest verdict first, as the Warehouse gives them.

    Several models judge an image, and a late image of a study has the others judged again: one
    row for each record would say of the same image that it has a label and that it has not.
    """

    _images: dict[str, "_Gathered"] = field(default_factory=dict)

    def add(self, record: WarehouseRecord) -> None:
        """Add a record's images and what it says of them."""
        for image in record.images:
            uid = image.sop_instance_uid
            if (known := self._images.get(uid)) is None:
                known = self._images[uid] = _Gathered(image=image, record=record)
            known.add(image, record)

    def all(self) -> Iterable[ValidatedImage]:
        """Return the images, each once, in the order in which they came first."""
        return (each.whole() for each in self._images.values())


class _Gathered:
    """An image while records are read; of them it keeps no more than it needs."""

    def __init__(self, *, image: WarehouseImage, record: WarehouseRecord) -> None:
        self._image, self._device, self._patient_key = image, record.device, record.patient_key
        self._truths: tuple[LabelTruth, ...] = ()
        self._boxes: dict[str, tuple[LabelledBox, ...]] = defaultdict(tuple)

    def add(self, image: WarehouseImage, record: WarehouseRecord) -> None:
        if self._image.is_missing or not image.is_missing:
            self._image, self._device = image, record.device
            self._patient_key = record.patient_key
        uid = image.sop_instance_uid
        truths = tuple(each for each in record.truths if each.sop_instance_uid == uid)
        if not truths:
            return  # rejected whole: that says nothing about what is to be seen
        self._truths = newest((*self._truths, *truths))
        said = {_place(each) for each in truths}
        drawn = tuple(each for each in record.boxes if each.sop_instance_uid == uid)
        # The model's earlier result is overruled, place by place; other models' boxes stay.
        earlier = (
            each
            for each in self._boxes[record.model.name]
            if each.label != OTHER_LABEL and _place(each) not in said
        )
        self._boxes[record.model.name] = (*earlier, *drawn)

    def whole(self) -> ValidatedImage:
        values: dict[str, set[bool | None]] = defaultdict(set)
        for each in self._truths:
            values[each.label].add(each.value)
        present = frozenset(label for label, said in values.items() if True in said)
        absent = frozenset(label for label, said in values.items() if said == {False})
        return ValidatedImage(
            image=self._image,
            device=self._device,
            patient_key=self._patient_key,
            present=present,
            absent=absent,
            unsure=frozenset(values) - present - absent,
            boxes=self._standing_boxes(),
        )

    def _standing_boxes(self) -> tuple[LabelledBox, ...]:
        """Give the boxes of all models that the last word leaves standing, each once."""
        standing = {_place(each) for each in self._truths if each.value}
        boxes = {
            (_place(each), each.box): each
            for of_model in self._boxes.values()
            for each in of_model
            if each.label == OTHER_LABEL or _place(each) in standing
        }
        return tuple(boxes.values())


def _place(said: LabelTruth | LabelledBox) -> Place:
    return said.frame_number, said.label
