"""What the templates need to know of a source image, from its header alone."""

from collections.abc import Iterable, Sequence

from pydicom import uid
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from ai_engine.prediction import Prediction
from sr_templates.character_set import CharacterSet, text_of
from sr_templates.errors import EvidenceError
from sr_templates.repair import is_repeatable

IDENTITY = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID")
# Classes without the Multi-frame module (PS3.3 annex A): a reference to one has no frame number.
SINGLE_FRAME_CLASSES = frozenset(
    {
        uid.ComputedRadiographyImageStorage,
        uid.DigitalXRayImageStorageForPresentation,
        uid.DigitalXRayImageStorageForProcessing,
        uid.DigitalMammographyXRayImageStorageForPresentation,
        uid.DigitalMammographyXRayImageStorageForProcessing,
        uid.DigitalIntraOralXRayImageStorageForPresentation,
        uid.DigitalIntraOralXRayImageStorageForProcessing,
        uid.CTImageStorage,
        uid.MRImageStorage,
        uid.UltrasoundImageStorage,
        uid.SecondaryCaptureImageStorage,
        uid.PositronEmissionTomographyImageStorage,
        uid.VLEndoscopicImageStorage,
        uid.VLMicroscopicImageStorage,
        uid.VLSlideCoordinatesMicroscopicImageStorage,
        uid.VLPhotographicImageStorage,
    }
)

# What the content refers to: of the study itself, and of others (PS3.3 C.17.2.3).
EVIDENCE_SEQUENCES = (
    "CurrentRequestedProcedureEvidenceSequence",
    "PertinentOtherEvidenceSequence",
)


def sources_by_uid(prediction: Prediction, sources: Sequence[Dataset]) -> dict[str, Dataset]:
    """Index one study's sources by SOP Instance UID; an instance sent twice counts once.

    Raises
    ------
    EvidenceError
        There is no source, one cannot be referred to, they are of several studies, or one that the
        prediction names is absent.
    """
    if not sources:
        raise EvidenceError("no source image was given: a result needs a study to belong to")
    for source in sources:
        check_identity(source)
    studies = {uid_of(source, "StudyInstanceUID") for source in sources}
    if len(studies) > 1:
        raise EvidenceError(f"the sources are of {len(studies)} studies: build one result for each")
    by_uid = {uid_of(source, "SOPInstanceUID"): source for source in sources}
    missing = named_instances(prediction) - by_uid.keys()
    if missing:
        raise EvidenceError(f"{len(missing)} instances of the prediction are not in the sources")
    return by_uid


def named_instances(prediction: Prediction) -> set[str]:
    """Give the SOP Instance UIDs that a prediction speaks of."""
    analysed = {image.sop_instance_uid for image in prediction.images}
    return analysed | {refusal.sop_instance_uid for refusal in prediction.refusals}


def uid_of(source: Dataset, keyword: str) -> str:
    """Read a UID as it stands, valid or not."""
    return text_of(source, Tag(keyword), CharacterSet(terms=(), is_stated=False))


def check_identity(source: Dataset) -> None:
    """Raise EvidenceError where an instance lacks the UIDs by which results refer to it.

    They need not be valid: archives know the image by them as they stand.
    """
    for keyword in IDENTITY:
        if not is_repeatable(uid_of(source, keyword)):
            raise EvidenceError(
                f"{keyword} {Tag(keyword)} of a source is empty or not printable: no result can"
                " refer to the image or join its study"
            )


def identity_of(instance: Dataset) -> Dataset:
    """Return only what references to an instance need of it."""
    header = Dataset()
    for keyword in IDENTITY:
        setattr(header, keyword, uid_of(instance, keyword))
    return header


def is_image(source: Dataset) -> bool:
    """Whether the instance is of an image class and has a pixel matrix.

    Only such may be an IMAGE reference; DCMTK refuses to read a report with another.
    """
    sop_class = uid.UID(uid_of(source, "SOPClassUID"))
    return "Image Storage" in sop_class.name and rows_and_columns(source) != (0, 0)


def rows_and_columns(source: Dataset) -> tuple[int, int]:
    """Rows and Columns (0028,0010), (0028,0011), or (0, 0) where they are absent or damaged."""
    try:
        rows, columns = int(source.get("Rows") or 0), int(source.get("Columns") or 0)
    except (TypeError, ValueError):
        return 0, 0
    return (rows, columns) if rows and columns else (0, 0)


def number_of_frames(source: Dataset) -> int:
    """Number of Frames (0028,0008); 1 where none is stated or the class has no frames."""
    if uid_of(source, "SOPClassUID") in SINGLE_FRAME_CLASSES:
        return 1
    text = uid_of(source, "NumberOfFrames").strip()
    return max(1, int(text)) if text.isdecimal() and len(text) < 13 else 1


def frame_reference(source: Dataset, frame_number: int | None) -> int | None:
    """Referenced Frame Number, which only a multi-frame image may have (PS3.3 10.3)."""
    return frame_number if number_of_frames(source) > 1 else None


def hierarchical_references(instances: Iterable[Dataset]) -> list[Dataset]:
    """Items of Hierarchical SOP Instance Reference macros (PS3.3 C.17.2.1), one for each study."""
    studies: dict[str, dict[str, dict[str, Dataset]]] = {}
    for instance in instances:
        series = studies.setdefault(uid_of(instance, "StudyInstanceUID"), {})
        items = series.setdefault(uid_of(instance, "SeriesInstanceUID"), {})
        items[uid_of(instance, "SOPInstanceUID")] = sop_reference(instance)
    return [_study_item(study_uid, series) for study_uid, series in studies.items()]


def sop_reference(instance: Dataset) -> Dataset:
    """SOP Instance Reference macro (PS3.3 10.8)."""
    item = Dataset()
    item.ReferencedSOPClassUID = uid_of(instance, "SOPClassUID")
    item.ReferencedSOPInstanceUID = uid_of(instance, "SOPInstanceUID")
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
