"""QIDO-RS: what matches, what comes back, and how much of it."""

import pytest
from fastapi.testclient import TestClient

from tests.unit.dicomweb.test_retrieving import Folder, client, folder, radiograph

__all__ = ["client", "folder"]


@pytest.fixture(autouse=True)
def three_studies(folder: Folder) -> None:
    """Three studies of different days; the first has a second instance."""
    for number, day in enumerate(("20260101", "20260215", "20260320"), start=1):
        uids = {
            "StudyInstanceUID": f"1.2.{number}",
            "SeriesInstanceUID": f"1.2.{number}.1",
            "StudyDate": day,
            "PatientID": f"P{number}",
            "PatientName": f"Family{number}^Given",
        }
        folder.add(radiograph(number, **uids))
    folder.add(radiograph(9, StudyInstanceUID="1.2.1", SeriesInstanceUID="1.2.1.1"))


def found(client: TestClient, path: str, tag: str = "0020000D") -> list[str]:
    """The UIDs that a search returns."""
    answer = client.get(f"/dicom-web{path}", headers={"Accept": "application/dicom+json"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/dicom+json")
    return [each[tag]["Value"][0] for each in answer.json()]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["1.2.1", "1.2.2", "1.2.3"]),
        ("?PatientID=P2", ["1.2.2"]),
        ("?00100020=P2", ["1.2.2"]),
        ("?PatientName=family3*", ["1.2.3"]),
        ("?StudyDate=20260201-20260301", ["1.2.2"]),
        ("?StudyDate=20260201-", ["1.2.2", "1.2.3"]),
        ("?StudyInstanceUID=1.2.1,1.2.3", ["1.2.1", "1.2.3"]),
        ("?ModalitiesInStudy=MR", []),
        ("?limit=1&offset=1", ["1.2.2"]),
    ],
)
def test_studies_are_found_by_their_attributes(
    client: TestClient, query: str, expected: list[str]
) -> None:
    assert found(client, f"/studies{query}") == expected


def test_series_and_instances_are_found_below_their_study(client: TestClient) -> None:
    assert found(client, "/studies/1.2.1/series", "0020000E") == ["1.2.1.1"]
    assert len(found(client, "/studies/1.2.1/instances", "00080018")) == 2
    assert len(found(client, "/studies/1.2.1/series/1.2.1.1/instances", "00080018")) == 2
    assert found(client, "/studies/9.9/series") == []
    assert len(found(client, "/instances?limit=3", "00080018")) == 3


def test_a_study_counts_what_it_holds_and_says_where_it_is(client: TestClient) -> None:
    (study,) = client.get("/dicom-web/studies?PatientID=P1").json()
    assert study["00201208"]["Value"] == [2]
    assert study["00080061"]["Value"] == ["CR"]
    assert study["00081190"]["Value"][0].endswith("/dicom-web/studies/1.2.1")


def test_more_results_than_the_limit_are_announced(client: TestClient) -> None:
    assert "Warning" in client.get("/dicom-web/studies?limit=2").headers
    assert "Warning" not in client.get("/dicom-web/studies?limit=3").headers


@pytest.mark.parametrize("query", ["NoSuchThing=1", "limit=many", "offset=-1"])
def test_a_search_that_cannot_be_understood_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/dicom-web/studies?{query}").status_code == 400
