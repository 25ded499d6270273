"""How far uploaded studies are: the same steps for everybody, what was found for readers alone."""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pydicom import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.node.repositories import Repositories
from sr_templates import codes
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.office import ANALYSED, FAILED, UNROUTED, WAITING, office_stores
from tests.unit.web.test_sign_in import sign_in
from tests.unit.web.test_storing import Corridor

pytestmark = pytest.mark.slow

_SENTENCE = "AI result, not verified: opacity (probability 91 %)."


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        made.evidence.open()
        job = made.hotbase.jobs(ANALYSED)[0]["job_id"]
        made.hotbase.keep_evidence([a_report(made, job), an_overlay(job)])
        yield made


def a_report(stores: Repositories, job_id: str) -> EvidenceObject:
    """A report with a sentence at its top."""
    named, item, report = Dataset(), Dataset(), Dataset()
    named.CodeValue, named.CodingSchemeDesignator, named.CodeMeaning = (
        codes.IMPRESSION.value,
        codes.IMPRESSION.scheme_designator,
        codes.IMPRESSION.meaning,
    )
    item.ValueType, item.TextValue, item.ConceptNameCodeSequence = "TEXT", _SENTENCE, [named]
    report.SOPClassUID, report.SOPInstanceUID = Comprehensive3DSRStorage, "1.2.8.1"
    report.StudyInstanceUID, report.SeriesInstanceUID = ANALYSED, "1.2.8"
    report.Modality, report.ContentSequence = "SR", [item]
    return EvidenceObject(
        sop_instance_uid=report.SOPInstanceUID,
        sop_class_uid=report.SOPClassUID,
        series_instance_uid=report.SeriesInstanceUID,
        kind=EvidenceKind.SR,
        job_id=job_id,
        path=stores.objects.keep(report),
    )


def an_overlay(job_id: str) -> EvidenceObject:
    """An overlay, whose file nobody opens here."""
    return EvidenceObject(
        sop_instance_uid="1.2.8.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.7",
        series_instance_uid="1.2.8",
        kind=EvidenceKind.SC,
        job_id=job_id,
        path="gone.dcm",
    )


def seen_by(stores: Repositories, name: str, *studies: str) -> str:
    """What somebody sees of these studies."""
    client = TestClient(Corridor(stores).application)
    assert sign_in(client, name) == 303
    answer = client.get("/upload/studies", params={"study": studies})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_who_reads_sees_the_result_in_words_and_drawn(stores: Repositories) -> None:
    seen = seen_by(stores, "bert", ANALYSED)
    assert _SENTENCE in seen
    assert f"/dicom-web/studies/{ANALYSED}/series/1.2.8/instances/1.2.8.2/rendered" in seen
    assert "/worklist/items/" in seen


def test_who_operates_sees_how_far_it_is_and_nothing_that_was_found(stores: Repositories) -> None:
    seen = seen_by(stores, "olga", ANALYSED)
    assert "opacity" not in seen
    assert "/dicom-web" not in seen
    assert "The result is for those who read images" in seen
    assert f'href="/studies/{ANALYSED}"' in seen


def test_what_is_under_way_or_not_known_yet_is_asked_for_again(stores: Repositories) -> None:
    assert 'hx-trigger="every 2s"' in seen_by(stores, "olga", WAITING)
    assert 'hx-trigger="every 2s"' in seen_by(stores, "olga", UNROUTED, "1.2.3.4.5")
    assert "hx-trigger" not in seen_by(stores, "olga", UNROUTED, FAILED)


def test_why_there_is_no_result_is_said(stores: Repositories) -> None:
    seen = seen_by(stores, "rita", UNROUTED, FAILED)
    assert "Not analysed" in seen
    assert "chest-radiograph: body part HAND." in seen
    assert "The analysis failed" in seen


def test_no_more_studies_are_asked_for_at_once_than_anybody_looks_at(stores: Repositories) -> None:
    client = TestClient(Corridor(stores).application)
    assert sign_in(client, "olga") == 303
    many = {"study": [f"1.2.{number}" for number in range(51)]}
    assert client.get("/upload/studies", params=many).status_code == 400
