"""DICOM objects that somebody else's program made: taken into the study, or refused in words.

What the node can know better than the program is written over what it said: whose study it is,
where the object sorts, and who had it made. What it shows stays as it is. Whatever is missing or
wrong after that is for the gate (`validation.problems`), which holds it.
"""

import copy
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    DeflatedExplicitVRLittleEndian,
    EnhancedSRStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from ai_engine.prediction import MadeObject, ModelIdentity
from ai_engine.preprocessing.decoding import DECODING_ERRORS
from sr_templates.character_set import UNICODE
from sr_templates.context import EvidenceContext
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.instance import new_instance
from sr_templates.repair import is_uid, long_string
from sr_templates.secondary_capture import copy_anatomy
from sr_templates.source_attributes import SourceAttributes
from sr_templates.uids import derived_uid, model_parts

WORDS: Mapping[str, str] = {
    Comprehensive3DSRStorage: "report",
    ComprehensiveSRStorage: "report",
    EnhancedSRStorage: "report",
    BasicTextSRStorage: "report",
    SegmentationStorage: "segmentation",
    SecondaryCaptureImageStorage: "image",
    GrayscaleSoftcopyPresentationStateStorage: "presentation state",
}
"""What a program may make, in words."""

MOST_SERIES = 20
"""Series of one program in a study: each has a number of its own."""

_HEAD = 4096
_STATEMENTS = ("StudyInstanceUID", "PatientID")
# Written by the program about the object's own making; ours stands beside, or where it has none.
_OF_THE_PROGRAM = frozenset(
    {"Manufacturer", "ManufacturerModelName", "SoftwareVersions", "DeviceSerialNumber"}
)
# Kept where the program says it: what the object is, and when it was made.
_KEPT = frozenset(
    {
        *("Modality", "InstanceNumber", "CodingSchemeIdentificationSequence"),
        *("ContentDate", "ContentTime", "InstanceCreationDate", "InstanceCreationTime"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adopted:
    """What becomes of a program's objects: those of the study, and of the others why not."""

    datasets: tuple[Dataset, ...] = ()
    refused: tuple[str, ...] = ()


def adopt(
    objects: Sequence[MadeObject],
    sources: Sequence[Dataset],
    model: ModelIdentity,
    context: EvidenceContext,
) -> Adopted:
    """Take a program's objects into the study of the images that it was given.

    Parameters
    ----------
    objects
        Part 10 files.
    sources
        Headers of all images that the program was given, of one study.

    Returns
    -------
    Adopted
        Objects with the study's patient and study modules, UIDs derived from the images, the model
        and their order, series numbers of the node, and the model as contributing equipment.
        Refused are files that can't be read, of other classes, of another patient or study, and
        that refer to instances which are neither the images nor made with them.
    """
    read, refused = [], []
    for number, each in enumerate(objects, start=1):
        try:
            read.append((number, _read(each)))
        except (InvalidDicomError, *DECODING_ERRORS):
            refused.append(f"object {number} cannot be read as DICOM")
    kept = []
    given = frozenset(str(each.SOPInstanceUID) for each in sources)
    made = frozenset(str(dataset.get("SOPInstanceUID", "")) for _, dataset in read)
    for number, dataset in read:
        if words := next(_objections(dataset, sources, given | made), ""):
            refused.append(f"object {number} {words}")
        else:
            kept.append(dataset)
    series = tuple(dict.fromkeys(str(each.get("SeriesInstanceUID", "")) for each in kept))
    if len(series) > MOST_SERIES:
        return Adopted(refused=(*refused, f"all objects: more than {MOST_SERIES} series"))
    home = _Home(
        sources=tuple(sources),
        model=model,
        context=context,
        series=series,
        places=_places(kept, given, sources, model),
    )
    return Adopted(
        datasets=tuple(_taken(each, number, home) for number, each in enumerate(kept, start=1)),
        refused=tuple(refused),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Home:
    """Where objects are taken to: the images' study, with the series and UIDs that they get."""

    sources: tuple[Dataset, ...]
    model: ModelIdentity
    context: EvidenceContext
    series: tuple[str, ...]
    places: Mapping[str, str]

    def uid(self, *parts: str) -> str:
        """A UID of the model's own in this study."""
        study = str(self.sources[0].StudyInstanceUID)
        return derived_uid("vendor", study, *model_parts(self.model), *parts)


def _read(made: MadeObject) -> Dataset:
    if DeflatedExplicitVRLittleEndian.encode() in made.data[:_HEAD]:
        raise ValueError("deflated: a few bytes would fill the memory")
    dataset = dcmread(io.BytesIO(made.data))
    if "TransferSyntaxUID" not in dataset.file_meta or "SOPClassUID" not in dataset:
        raise ValueError("says neither what it is nor how it is written")
    # Read all of it now, in its own character set: what can't be read is refused as a whole.
    dataset.decode()
    for _ in dataset.iterall():
        pass
    return dataset


def _objections(
    dataset: Dataset, sources: Sequence[Dataset], known: frozenset[str]
) -> Iterator[str]:
    """Why an object has no place in the study."""
    sop_class = str(dataset.get("SOPClassUID", ""))
    if sop_class not in WORDS:
        yield f"is of a class that is not taken ({UID(sop_class).name[:64]})"
    source = SourceAttributes(sources[0])
    for keyword in _STATEMENTS:
        said = str(dataset.get(keyword) or "")
        if said and said != source.as_it_stands(keyword):
            yield "is of another patient or study than the images"
    if _other_studies(dataset, source.as_it_stands("StudyInstanceUID")):
        yield "refers to another study than that of the images"
    if _referenced(dataset) - known:
        yield "refers to instances that the program was not given"
    if dataset.file_meta.TransferSyntaxUID.is_encapsulated:
        yield "is compressed; leave it uncompressed"


def _other_studies(dataset: Dataset, study: str) -> bool:
    return any(
        str(element.value) != study
        for element in dataset.iterall()
        if element.keyword == "StudyInstanceUID" and element.value
    )


def _referenced(dataset: Dataset) -> frozenset[str]:
    return frozenset(
        str(element.value)
        for element in dataset.iterall()
        if element.keyword == "ReferencedSOPInstanceUID" and element.value
    )


def _places(
    kept: Sequence[Dataset],
    given: frozenset[str],
    sources: Sequence[Dataset],
    model: ModelIdentity,
) -> dict[str, str]:
    """New UIDs for the program's own: the same whenever it is run on the same images."""
    study = str(sources[0].StudyInstanceUID)
    stem = ("vendor", study, *model_parts(model))
    found = {}
    for number, each in enumerate(kept, start=1):
        found[str(each.get("SOPInstanceUID", ""))] = derived_uid(
            *stem, "instance", str(number), *sorted(given)
        )
        series = str(each.get("SeriesInstanceUID", ""))
        found.setdefault(series, derived_uid(*stem, "series", str(number)))
    # Some programs leave a result under the UIDs of an image: these still mean the image.
    of_images = given | {str(each.get("SeriesInstanceUID", "")) for each in sources} | {""}
    return {uid: new for uid, new in found.items() if uid not in of_images}


def _taken(dataset: Dataset, number: int, home: _Home) -> Dataset:
    """An object as one of the study's results."""
    given = sorted(str(each.SOPInstanceUID) for each in home.sources)
    said, own_series = (
        str(dataset.get(keyword, "")) for keyword in ("SOPInstanceUID", "SeriesInstanceUID")
    )
    uid = home.places.get(said, home.uid("instance", str(number), *given))
    frame = new_instance(
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=uid,
        instance_number=number,
        kind=EvidenceKind.VENDOR,
        model=home.model,
        attributes=SourceAttributes(home.sources[0]),
        context=home.context,
    )
    taken = copy.deepcopy(dataset)
    taken.remove_private_tags()
    for element in taken.iterall():
        _lead(element, home.places)
    _own_words(taken, frame, home.model)
    _add_anatomy(taken, SourceAttributes(home.sources[0]))
    for segment in taken.get("SegmentSequence") or []:
        if "TrackingUID" not in segment:
            called = str(segment.get("SegmentNumber", ""))
            segment.TrackingID = long_string(f"{home.model.name} {called}")
            segment.TrackingUID = home.uid("tracking", str(number), called, *given)
    taken.SOPInstanceUID = uid
    taken.SeriesInstanceUID = home.places.get(own_series, home.uid("series", own_series))
    taken.SeriesNumber = int(frame.SeriesNumber) + home.series.index(own_series)
    taken.file_meta = frame.file_meta
    return taken


def _own_words(taken: Dataset, frame: Dataset, model: ModelIdentity) -> None:
    """Write whose study it is over what the program said, and who made it beside."""
    contributing = list(taken.get("ContributingEquipmentSequence") or [])
    for element in frame:
        is_said = element.tag in taken and not taken[element.tag].is_empty
        if element.keyword in _OF_THE_PROGRAM or (element.keyword in _KEPT and is_said):
            continue
        taken[element.tag] = element
    taken.ContributingEquipmentSequence = [*contributing, *frame.ContributingEquipmentSequence]
    _add_equipment(taken, model)
    _speak_unicode(taken)


def _add_equipment(taken: Dataset, model: ModelIdentity) -> None:
    """The equipment that made the object, where it doesn't say: the model of its card."""
    for keyword, value in (
        ("Manufacturer", model.manufacturer),
        ("ManufacturerModelName", model.name),
        ("SoftwareVersions", model.version),
        ("DeviceSerialNumber", model.weights_digest[:16] or model.version),
    ):
        if keyword not in taken or taken[keyword].is_empty:
            setattr(taken, keyword, long_string(value))


def _add_anatomy(taken: Dataset, attributes: SourceAttributes) -> None:
    """Where a captured image doesn't say which part of the body it shows: that of the source."""
    said = {"BodyPartExamined", "Laterality", "ImageLaterality"} & set(taken.dir())
    if taken.SOPClassUID == SecondaryCaptureImageStorage and not said:
        own = taken.get("PatientOrientation")
        copy_anatomy(taken, attributes)
        if own:
            taken.PatientOrientation = own


def _speak_unicode(taken: Dataset) -> None:
    """Unicode says all that the program and the images do, whatever each was written in."""
    for element in list(taken.iterall()):
        if element.VR == "SQ":
            for item in element.value:
                if "SpecificCharacterSet" in item:
                    del item.SpecificCharacterSet
    (taken.SpecificCharacterSet,) = UNICODE


def _lead(element: DataElement, places: Mapping[str, str]) -> None:
    """Lead a reference among the program's own objects to where its target is now."""
    if element.VR != "UI" or element.is_empty or element.VM != 1:
        return
    if (new := places.get(str(element.value))) is not None and is_uid(new):
        element.value = UID(new)
