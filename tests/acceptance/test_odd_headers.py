"""Studies with one odd header value each leave a result or a reason in the PACS, and none lies.

``DICOM_NODE_ODD_HEADERS=200`` sends all two hundred; without it, one in five is sent by
``make test-long``, and one in twenty by ``make test``.
"""

import os
from collections.abc import Iterator

import pytest
from pydicom import Dataset, dcmread
from pydicom.filebase import DicomBytesIO

from dicom_node.domain.study import StudyRecord
from sr_templates import codes
from tests.acceptance.conftest import MODALITY, Hospital
from tests.acceptance.odd_values import OddStudy, odd_studies, plain_study
from tests.peers.objects import encoded
from tests.peers.raw_scu import raw_scu

COUNT = int(os.environ.get("DICOM_NODE_ODD_HEADERS", "40"))
FEW = 10
_VERDICTS = {codes.POSITIVE.value: "positive", codes.NEGATIVE.value: "negative"}
# Reasons that say that something broke, or that the image is another one than it is.
_LIES = {"R-FAILED": "analysis failed", "R-NOT-CHEST": "no frontal chest"}
# How far a probability may be from the plain image's: of what 8 bits or a lossy code stream change.
_TOLERANCE = 5.0
# Seconds for each study, on a machine that does much else.
_PATIENCE = 15


# pydicom warns of values that are odd on purpose.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("count", [FEW, pytest.param(COUNT, marks=pytest.mark.long)])
def test_every_odd_header_leaves_a_result_or_a_reason_and_no_wrong_statement(
    count: int, hospital: Hospital
) -> None:
    studies = [plain_study(), *odd_studies(count)]
    _send(hospital, studies)
    for each in studies:
        hospital.node.settled(_uid(each), seconds=_PATIENCE * len(studies))
    hospital.node.wait_for(
        "all deliveries", hospital.node.has_delivered, seconds=_PATIENCE * len(studies)
    )
    interrupted = [each.study_instance_uid for each in _records(hospital) if each.interruption]
    assert interrupted == []
    reports: dict[str, list[Dataset]] = {}
    for report in _reports(hospital):
        reports.setdefault(str(report.StudyInstanceUID), []).append(report)
    (plain,) = reports[_uid(studies[0])]
    silent = [each.name for each in studies if _uid(each) not in reports]
    wrong = [
        f"{each.name}: {words}"
        for each in studies
        for report in reports.get(_uid(each), [])
        for words in _wrong(each, report, plain)
    ]
    assert (silent, wrong) == ([], [])


def _reports(hospital: Hospital) -> Iterator[Dataset]:
    """Yield the reports that the PACS holds; the overlays of all studies would be a gigabyte."""
    query = {"Level": "Series", "Query": {"Modality": "SR"}, "Expand": True}
    for series in hospital.pacs.post("/tools/find", query):
        for instance in series["Instances"]:
            data = hospital.pacs.request("GET", f"/instances/{instance}/file")
            yield dcmread(DicomBytesIO(data))


def _records(hospital: Hospital) -> tuple[StudyRecord, ...]:
    repositories = hospital.node.repositories()
    try:
        return repositories.index.recent(1000)
    finally:
        repositories.close()


def _send(hospital: Hospital, studies: list[OddStudy]) -> None:
    pairs = dict.fromkeys((str(each.dataset.SOPClassUID), each.syntax) for each in studies)
    refused = []
    with raw_scu(hospital.node.peer, MODALITY, list(pairs)) as scu:
        for each in studies:
            status, comment = scu.store(
                encoded(each.dataset, each.syntax),
                sop_class=str(each.dataset.SOPClassUID),
                sop_instance=str(each.dataset.SOPInstanceUID),
                syntax=each.syntax,
            )
            if status:
                refused.append((each.name, status, comment))
    assert refused == []


def _uid(study: OddStudy) -> str:
    """Read a Study Instance UID as it stands, valid or not."""
    value = study.dataset.get_item("StudyInstanceUID").value
    return (value.decode() if isinstance(value, bytes) else str(value)).strip("\0 ")


def _wrong(study: OddStudy, report: Dataset, plain: Dataset) -> Iterator[str]:
    """Yield what a report says that is not so."""
    verdicts, expected = _said(report), _said(plain)
    for label, (answer, probability) in verdicts.items():
        right, near = expected[label]
        if answer != right and abs(probability - near) > _TOLERANCE:
            yield f"{label} is {answer} ({probability}), but {right} ({near}) on the same image"
    for code, words in _LIES.items():
        if code in _codes(report) and not study.elsewhere:
            yield f"it says: {words}"
    if "Error" in _words(report):
        yield "it names a kind of exception"
    if not verdicts and not _codes(report) & _REASONS:
        yield "it has neither a verdict nor a reason"


_REASONS = {code.value for code in codes.REFUSAL_REASONS.values()}


def _said(report: Dataset) -> dict[str, tuple[str, float]]:
    """Return each label's verdict and probability in per cent."""
    found = {}
    for item in _items(report):
        answer = _value(item, "ConceptCodeSequence")
        if answer in _VERDICTS and "ContentSequence" in item:
            numbers = [each for each in item.ContentSequence if each.ValueType == "NUM"]
            probability = float(numbers[0].MeasuredValueSequence[0].NumericValue)
            found[_value(item, "ConceptNameCodeSequence")] = (_VERDICTS[answer], probability)
    return found


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or []:
        yield item
        yield from _items(item)


def _value(item: Dataset, keyword: str) -> str:
    sequence = item.get(keyword)
    return str(sequence[0].get("CodeValue", "")) if sequence else ""


def _codes(report: Dataset) -> set[str]:
    return {str(each.value) for each in report.iterall() if each.keyword == "CodeValue"}


def _words(report: Dataset) -> str:
    return " ".join(str(each.value) for each in report.iterall() if each.keyword == "TextValue")
