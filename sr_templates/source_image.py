"""What the templates need to know of a source image, from its header alone."""

from collections.abc import Iterable, Sequence

from highdicom.sr import CodedConcept, CompositeContentItem, ImageContentItem
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.prediction import Prediction
from sr_templates.errors import EvidenceError


def sources_by_uid(prediction: Prediction, sources: Sequence[Dataset]) -> dict[str, Dataset]:
    """Index one study's sources by SOP Instance UID; an instance sent twice counts once.

    Raises
    ------
    EvidenceError
        There is no source, they are of several studies, or one that the prediction names is absent.
    """
    if not sources:
        raise EvidenceError("no source image was given: a result needs a study to belong to")
    studies = {str(source.StudyInstanceUID) for source in sources}
    if len(studies) > 1:
        raise EvidenceError(f"the sources are of {len(studies)} studies: build one result for each")
    by_uid = {str(source.SOPInstanceUID): source for source in sources}
    missing = named_instances(prediction) - by_uid.keys()
    if missing:
        raise EvidenceError(f"{len(missing)} instances of the prediction are not in the sources")
    return by_uid


def named_instances(prediction: Prediction) -> set[str]:
    """Give the SOP Instance UIDs that a prediction speaks of."""
    analysed = {image.sop_instance_uid for image in prediction.images}
    return analysed | {refusal.sop_instance_uid for refusal in prediction.refusals}


def is_image(source: Dataset) -> bool:
    """Whether the instance has an image's pixel matrix: only such may be an IMAGE reference."""
    return rows_and_columns(source) != (0, 0)


def rows_and_columns(source: Dataset) -> tuple[int, int]:
    """Rows and Columns (0028,0010), (0028,0011), or (0, 0) where they are absent or damaged."""
    rows, columns = (_unsigned(source, keyword) for keyword in ("Rows", "Columns"))
    return (rows, columns) if rows and columns else (0, 0)


def number_of_frames(source: Dataset) -> int:
    """Number of Frames (0028,0008); 1 where the image has none stated."""
    return max(1, _unsigned(source, "NumberOfFrames"))


def reference(
    source: Dataset,
    name: Code,
    relationship: Relationship,
    frame_number: int | None = None,
) -> ImageContentItem | CompositeContentItem:
    """Reference a source by value: IMAGE, or COMPOSITE for an instance without a pixel matrix."""
    if not is_image(source):
        return CompositeContentItem(
            name=CodedConcept.from_code(name),
            referenced_sop_class_uid=source.SOPClassUID,
            referenced_sop_instance_uid=source.SOPInstanceUID,
            relationship_type=relationship,
        )
    return ImageContentItem(
        name=CodedConcept.from_code(name),
        referenced_sop_class_uid=source.SOPClassUID,
        referenced_sop_instance_uid=source.SOPInstanceUID,
        referenced_frame_numbers=frame_reference(source, frame_number),
        relationship_type=relationship,
    )


def frame_reference(source: Dataset, frame_number: int | None) -> int | None:
    """Referenced Frame Number, which only a multi-frame image may have (PS3.3 10.3)."""
    return frame_number if number_of_frames(source) > 1 else None


def hierarchical_references(instances: Iterable[Dataset]) -> list[Dataset]:
    """Items of Hierarchical SOP Instance Reference macros (PS3.3 C.17.2.1), one for each study."""
    studies: dict[str, dict[str, dict[str, Dataset]]] = {}
    for instance in instances:
        series = studies.setdefault(str(instance.StudyInstanceUID), {})
        items = series.setdefault(str(instance.SeriesInstanceUID), {})
        items[str(instance.SOPInstanceUID)] = sop_reference(instance)
    return [_study_item(uid, series) for uid, series in studies.items()]


def sop_reference(instance: Dataset) -> Dataset:
    """SOP Instance Reference macro (PS3.3 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID = str(instance.SOPClassUID)
    item.ReferencedSOPInstanceUID = str(instance.SOPInstanceUID)
    return item


def _study_item(study_uid: str, series: dict[str, dict[str, Dataset]]) -> Dataset:
    study = Dataset()
    study.StudyInstanceUID = study_uid
    study.ReferencedSeriesSequence = []
    for series_uid, instances in series.items():
        item = Dataset()
        item.SeriesInstanceUID = series_uid
        item.ReferencedSOPSequence = list(instances.values())
        study.ReferencedSeriesSequence.append(item)
    return study


def _unsigned(source: Dataset, keyword: str) -> int:
    """Read a count; a damaged one (wrong length, not a number) reads as none."""
    try:
        value = source.get(keyword)
        return max(0, int(value)) if value is not None else 0
    except (TypeError, ValueError):
        return 0
