"""References of an object, led to what a destination got in the place of the objects named."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset

from sr_templates.source_image import EVIDENCE_SEQUENCES, hierarchical_references

_HIERARCHIES = (*EVIDENCE_SEQUENCES, "PredecessorDocumentsSequence")
# What lies in the report's own study.
_OF_STUDY = ("CurrentRequestedProcedureEvidenceSequence", "PredecessorDocumentsSequence")


@dataclass(frozen=True, slots=True, kw_only=True)
class SentAs:
    """An object as a destination has it."""

    sop_class_uid: str
    sop_instance_uid: str
    series_instance_uid: str


def referenced_uids(dataset: Dataset) -> frozenset[str]:
    """Return the SOP Instance UIDs that an object refers to, wherever."""
    return frozenset(str(item.ReferencedSOPInstanceUID) for item in _references(dataset))


def lead_references(dataset: Dataset, sent: Mapping[str, SentAs]) -> None:
    """Let every reference to an object in ``sent`` name what was sent in its place."""
    for keyword in _HIERARCHIES:
        items = dataset.get(keyword) or []
        if any(uid in sent for item in items for uid in referenced_uids(item)):
            dataset[keyword].value = hierarchical_references(
                _led(header, sent) for item in items for header in _headers(item)
            )
    for item in _references(dataset):
        replaced = sent.get(str(item.ReferencedSOPInstanceUID))
        if replaced is not None:
            item.ReferencedSOPClassUID = replaced.sop_class_uid
            item.ReferencedSOPInstanceUID = replaced.sop_instance_uid


def sources_of(report: Dataset) -> tuple[Dataset, ...]:
    """Return a report and what it refers to, as the sources of whatever is made of it.

    The gate lets identifiers stand that a result repeats of its sources, valid or not.
    """
    named = [
        header
        for keyword in _OF_STUDY
        for item in report.get(keyword) or []
        for header in _headers(item)
    ]
    for header in named:
        header.PatientID = report.get("PatientID")
    return (report, *named)


def _references(dataset: Dataset) -> Iterator[Dataset]:
    for element in dataset:
        if element.VR != "SQ":
            continue
        for item in element.value:
            if "ReferencedSOPInstanceUID" in item:
                yield item
            yield from _references(item)


def _headers(study: Dataset) -> Iterator[Dataset]:
    for series in study.get("ReferencedSeriesSequence") or []:
        for reference in series.get("ReferencedSOPSequence") or []:
            header = Dataset()
            header.StudyInstanceUID = study.StudyInstanceUID
            header.SeriesInstanceUID = series.SeriesInstanceUID
            header.SOPClassUID = reference.ReferencedSOPClassUID
            header.SOPInstanceUID = reference.ReferencedSOPInstanceUID
            yield header


def _led(header: Dataset, sent: Mapping[str, SentAs]) -> Dataset:
    replaced = sent.get(str(header.SOPInstanceUID))
    if replaced is not None:
        header.SeriesInstanceUID = replaced.series_instance_uid
        header.SOPClassUID = replaced.sop_class_uid
        header.SOPInstanceUID = replaced.sop_instance_uid
    return header
