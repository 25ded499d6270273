"""What every structured report of the node has around its content (PS3.3 C.17.1 to C.17.3)."""

from collections.abc import Iterator, Sequence

from highdicom.sr import CodeContentItem, CodedConcept, ContainerContentItem
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.preprocessing.body_region import BodyRegion, regions_named
from ai_engine.preprocessing.header_values import word
from sr_templates import codes
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import hierarchical_references, uid_of

_RADIOGRAPHY = frozenset({"CR", "DX", "RG"})


def next_instance_number(predecessors: Sequence[Dataset], series_instance_uid: str) -> int:
    """Number a report after those that it replaces in its series."""
    numbers = [
        _instance_number(each)
        for each in predecessors
        if uid_of(each, "SeriesInstanceUID") == series_instance_uid
    ]
    return 1 + max(numbers, default=0)


def expert_report_sentences(
    expert_reports: Sequence[Dataset], series_instance_uid: str
) -> Iterator[str]:
    """Say which reports of people a new result comes after, so that it hides none of them.

    Parameters
    ----------
    expert_reports
        Headers of people's reports on earlier results of the study, of any origin.
    series_instance_uid
        The new report's series.
    """
    for each in expert_reports:
        verified = word(each, "VerificationFlag") == "VERIFIED"
        what = "A verified report" if verified else "A reader's report, not verified,"
        number = _instance_number(each)
        if uid_of(each, "SeriesInstanceUID") != series_instance_uid:
            where = "another series"
        else:
            where = f"number {number} of this series" if number else "this series"
        yield (
            f"{what} on an earlier result of this study stands beside this one ({where}). It does "
            "not speak of this result, which nobody has verified."
        )


def _instance_number(report: Dataset) -> int:
    """Instance Number (0020,0013); 0 where another's report has none that is a number."""
    text = uid_of(report, "InstanceNumber").strip()
    return int(text) if text.isdecimal() else 0


def complete_document(
    report: Dataset,
    root: ContainerContentItem,
    evidence: Sequence[Dataset],
    predecessors: Sequence[Dataset],
    other_evidence: Sequence[Dataset] = (),
) -> None:
    """Add document series, general and content modules: COMPLETE and UNVERIFIED.

    Parameters
    ----------
    root
        The content tree.
    evidence
        Headers of every instance of the study that the content refers to.
    predecessors
        Headers of the reports that this one replaces.
    other_evidence
        Headers of instances of other studies that the content refers to.
    """
    _continue_series(report, predecessors)
    # No performed procedure step is known here (PS3.3 C.17.1).
    report.ReferencedPerformedProcedureStepSequence = []
    _add_document_general(report, evidence, predecessors)
    if other_evidence:
        report.PertinentOtherEvidenceSequence = hierarchical_references(other_evidence)
    # The root content item is the object itself (PS3.3 C.17.3).
    for element in root:
        report[element.tag] = element
    keep_apart(report)


def keep_apart(container: Dataset) -> None:
    """Say that the items of each container stand for themselves (PS3.3 C.17.3.2, SEPARATE).

    What is CONTINUOUS, viewers run together as one text, without the names of its items.
    """
    if container.ValueType == "CONTAINER":
        container.ContinuityOfContent = "SEPARATE"
    for item in container.get("ContentSequence") or ():
        keep_apart(item)


def _continue_series(report: Dataset, predecessors: Sequence[Dataset]) -> None:
    """Let a series begin when its first report was made: it has one date, whoever adds to it."""
    for each in predecessors:
        if uid_of(each, "SeriesInstanceUID") == report.SeriesInstanceUID and "SeriesDate" in each:
            report.SeriesDate, report.SeriesTime = each.SeriesDate, each.get("SeriesTime")
            return


def procedures_reported(attributes: SourceAttributes) -> list[CodeContentItem]:
    """Row 4: the imaging procedure, as the study codes it or as modality and body part tell."""
    coded = [_as_concept(item) for item in attributes.code_items("ProcedureCodeSequence")]
    return [
        CodeContentItem(
            name=CodedConcept.from_code(codes.PROCEDURE_REPORTED),
            value=value,
            relationship_type=Relationship.HAS_CONCEPT_MOD,
        )
        for value in coded or [CodedConcept.from_code(_likely_procedure(attributes))]
    ]


def _as_concept(item: Dataset) -> CodedConcept:
    return CodedConcept(
        value=item.get("CodeValue") or item.LongCodeValue,
        scheme_designator=item.CodingSchemeDesignator,
        meaning=item.CodeMeaning,
        scheme_version=item.get("CodingSchemeVersion"),
    )


def _likely_procedure(attributes: SourceAttributes) -> Code:
    modality = "".join(attributes.values("Modality")[:1]).upper()
    is_chest = regions_named(_body_part(attributes)) == {BodyRegion.CHEST}
    if modality in _RADIOGRAPHY:
        return codes.CHEST_RADIOGRAPHY if is_chest else codes.RADIOGRAPHY
    if modality == "CT":
        return codes.CHEST_CT if is_chest else codes.COMPUTED_TOMOGRAPHY
    return codes.IMAGING_PROCEDURE


def _body_part(attributes: SourceAttributes) -> str:
    """Body Part Examined; of enhanced objects, which have none, the name of the region's code."""
    if named := attributes.values("BodyPartExamined"):
        return named[0]
    coded = attributes.code_items("AnatomicRegionSequence")
    return str(coded[0].CodeMeaning) if coded else ""


def _add_document_general(
    report: Dataset, sources: Sequence[Dataset], predecessors: Sequence[Dataset]
) -> None:
    """SR Document General module (PS3.3 C.17.2)."""
    report.PreliminaryFlag = "PRELIMINARY"
    report.CompletionFlag = "COMPLETE"
    report.VerificationFlag = "UNVERIFIED"
    report.PerformedProcedureCodeSequence = []
    if report.AccessionNumber:
        report.ReferencedRequestSequence = [_request(report, sources)]
    report.CurrentRequestedProcedureEvidenceSequence = hierarchical_references(sources)
    if predecessors:
        report.PredecessorDocumentsSequence = hierarchical_references(predecessors)


# With the longest value of each (PS3.5 Section 6.2: LO and SH).
_OF_HEADER = {
    "PlacerOrderNumberImagingServiceRequest": 64,
    "FillerOrderNumberImagingServiceRequest": 64,
}
_OF_REQUEST = {"RequestedProcedureID": 16, "RequestedProcedureDescription": 64}


def _request(report: Dataset, sources: Sequence[Dataset]) -> Dataset:
    """Item of Referenced Request Sequence: what the images say of the request."""
    item = Dataset()
    item.StudyInstanceUID = report.StudyInstanceUID
    item.AccessionNumber = report.AccessionNumber
    item.ReferencedStudySequence = []
    item.RequestedProcedureCodeSequence = []
    requests = [
        request for source in sources for request in source.get("RequestAttributesSequence") or ()
    ]
    for keyword, longest in _OF_HEADER.items():
        setattr(item, keyword, _first(sources, keyword, longest))
    for keyword, longest in _OF_REQUEST.items():
        setattr(item, keyword, _first(requests, keyword, longest))
    return item


def _first(datasets: Sequence[Dataset], keyword: str, longest: int) -> str | None:
    """Return the first plain value that one of these has, None where none has."""
    texts = (str(each.get(keyword) or "").strip() for each in datasets)
    return next((text for text in texts if 0 < len(text) <= longest and _is_plain(text)), None)


def _is_plain(text: str) -> bool:
    """Whether a text is the same in every character set, and one value."""
    return text.isascii() and text.isprintable() and "\\" not in text
