"""QIDO-RS: what matches, what comes back, and how much of it, from the index's columns."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from dicom_node.dicomweb.errors import DicomWebError
from dicom_node.dicomweb.router import make_router
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.persistence.database import make_engine
from tests.schema import give_schema
from tests.unit.builders import a_described_instance
from tests.unit.dicomweb.test_retrieving import Folder

OF_STUDIES = [
    {"study": "1.2.1", "StudyDate": "20260101", "StudyTime": "0830", "Modality": "CT"},
    {"study": "1.2.2", "StudyDate": "20260215", "StudyTime": "1015", "Modality": "DX"},
    {"study": "1.2.3", "StudyDate": "20260320", "StudyTime": "2359", "Modality": "MR"},
]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[sa.Engine]:
    """An index of three studies of different days; the first has two instances."""
    engine = make_engine(f"sqlite:///{tmp_path / 'hotbase.sqlite'}")
    give_schema(engine)
    instances = []
    for number, keywords in enumerate(OF_STUDIES, start=1):
        study = str(keywords["study"])
        instances.append(
            a_described_instance(
                f"{study}.1.1",
                **{
                    **keywords,
                    "series": f"{study}.1",
                    "PatientID": f"P{number}",
                    "PatientName": f"Family{number}^Given",
                    "SeriesNumber": str(number),
                    "SeriesDescription": f"Series {number}",
                    "BodyPartExamined": "CHEST",
                },
            )
        )
    instances.append(
        a_described_instance("1.2.1.1.2", study="1.2.1", series="1.2.1.1", InstanceNumber=2)
    )
    StudyIndex(engine).record(instances)
    yield engine
    engine.dispose()


@pytest.fixture
def client(index: sa.Engine, tmp_path: Path) -> TestClient:
    """DICOMweb over the index."""
    application = FastAPI()
    application.include_router(make_router(Folder(tmp_path), ObjectSearch(index)))

    @application.exception_handler(DicomWebError)
    def refuse(_request: object, error: DicomWebError) -> JSONResponse:
        return JSONResponse({"problem": str(error)}, status_code=error.status)

    return TestClient(application, raise_server_exceptions=False)


@pytest.mark.slow
def test_what_is_kept_back_makes_no_page_shorter_and_is_not_said_to_follow(
    client: TestClient, index: sa.Engine, tmp_path: Path
) -> None:
    application = FastAPI()
    search, kept = ObjectSearch(index), frozenset({"1.2.1.1", "1.2.3.1"})
    application.include_router(
        make_router(Folder(tmp_path), search, withheld=lambda _request, _study: kept)
    )
    blind = TestClient(application)
    answer = blind.get("/dicom-web/series?limit=1", headers={"Accept": "application/dicom+json"})
    assert [each["0020000E"]["Value"] for each in answer.json()] == [["1.2.2.1"]]
    assert "Warning" not in answer.headers
    assert found(blind, "/series?limit=1&offset=1") == []
    assert found(blind, "/studies?ModalitiesInStudy=CT") == []
    counted = results(blind, "/studies?StudyInstanceUID=1.2.1")[0]
    assert (counted["00201206"]["Value"], counted["00201208"]["Value"]) == ([0], [0])
    assert len(found(client, "/series")) == 3, "all of it is there for others"


def results(client: TestClient, path: str) -> list[dict[str, Any]]:
    """The results of a search."""
    answer = client.get(f"/dicom-web{path}", headers={"Accept": "application/dicom+json"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("application/dicom+json")
    return list(answer.json())


def found(client: TestClient, path: str, tag: str = "0020000D") -> list[str]:
    """The UIDs that a search returns."""
    return [each[tag]["Value"][0] for each in results(client, path)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["1.2.3", "1.2.2", "1.2.1"]),
        ("?PatientID=P2", ["1.2.2"]),
        ("?00100020=P2", ["1.2.2"]),
        ("?PatientName=family3*", ["1.2.3"]),
        ("?PatientName=F%C3%A1mily3%5Egiven", ["1.2.3"]),
        ("?StudyDate=20260201-20260301", ["1.2.2"]),
        ("?StudyDate=20260201-", ["1.2.3", "1.2.2"]),
        ("?StudyTime=08-10", ["1.2.2", "1.2.1"]),
        ("?StudyInstanceUID=1.2.1,1.2.3", ["1.2.3", "1.2.1"]),
        ("?StudyInstanceUID=1.2.1%5C1.2.3", ["1.2.3", "1.2.1"]),
        ("?ModalitiesInStudy=MR", ["1.2.3"]),
        ("?ModalitiesInStudy=C?", ["1.2.1"]),
        ("?ModalitiesInStudy=CT%5CCR&multiplevaluematching=true", []),
        ("?ModalitiesInStudy=CT%5CDX", ["1.2.2", "1.2.1"]),
        ("?AccessionNumber=%22%22&emptyvaluematching=true", ["1.2.3", "1.2.2", "1.2.1"]),
        ("?PatientID=%22%22&emptyvaluematching=true", []),
        ("?limit=1&offset=1", ["1.2.2"]),
        ("?limit=0", []),
        ("?offset=3", []),
    ],
)
def test_studies_are_found_by_their_attributes(
    client: TestClient, query: str, expected: list[str]
) -> None:
    assert found(client, f"/studies{query}") == expected


@pytest.mark.slow
def test_a_range_of_dates_and_times_is_one_range_of_moments(client: TestClient) -> None:
    wanted = "?StudyDate=20260101-20260215&StudyTime=0900-1000"
    assert found(client, f"/studies{wanted}") == []
    assert found(client, "/studies?StudyDate=20260101-20260215&StudyTime=0800-1100") == [
        "1.2.2",
        "1.2.1",
    ]
    # From 09:00 of the first day to 09:30 of the last: half past eight is too early that day.
    assert found(client, "/studies?StudyDate=20260101-20260320&StudyTime=0900-0930") == ["1.2.2"]


@pytest.mark.slow
def test_series_and_instances_are_found_below_their_study(client: TestClient) -> None:
    assert found(client, "/studies/1.2.1/series", "0020000E") == ["1.2.1.1"]
    assert len(found(client, "/studies/1.2.1/instances", "00080018")) == 2
    assert len(found(client, "/studies/1.2.1/series/1.2.1.1/instances", "00080018")) == 2
    assert found(client, "/studies/9.9/series") == []
    assert len(found(client, "/instances?limit=3", "00080018")) == 3
    assert found(client, "/series?PatientID=P2", "0020000E") == ["1.2.2.1"]
    assert found(client, "/instances?PatientID=P1&InstanceNumber=2", "00080018") == ["1.2.1.1.2"]
    assert found(client, "/studies/1.2.1/instances?Rows=4&Columns=6", "00080018") == [
        "1.2.1.1.1",
        "1.2.1.1.2",
    ]


def test_a_study_counts_what_it_holds_and_says_where_it_is(client: TestClient) -> None:
    (study,) = results(client, "/studies?PatientID=P1")
    assert study["00201206"]["Value"] == [1]
    assert study["00201208"]["Value"] == [2]
    assert study["00080061"]["Value"] == ["CT"]
    assert study["00081190"]["Value"][0].endswith("/dicom-web/studies/1.2.1")
    assert study["00100010"]["Value"] == [{"Alphabetic": "Family1^Given"}]
    assert "0008103E" not in study
    (series,) = results(client, "/studies/1.2.1/series")
    assert series["00201209"]["Value"] == [2]
    assert series["0008103E"]["Value"] == ["Series 1"]
    assert series["00081190"]["Value"][0].endswith("/studies/1.2.1/series/1.2.1.1")
    assert "00100020" not in series, "the path says which study it is"


@pytest.mark.slow
def test_a_search_across_studies_says_whose_each_series_is(client: TestClient) -> None:
    (series,) = results(client, "/series?Modality=DX")
    assert series["00100020"]["Value"] == ["P2"]
    (instance,) = results(client, "/instances?Modality=DX")
    assert instance["00100020"]["Value"] == ["P2"]
    assert instance["00080060"]["Value"] == ["DX"]
    assert instance["00083002"]["Value"] == ["1.2.840.10008.1.2.1"]
    assert instance["00280010"]["Value"] == [4]


def test_further_fields_come_when_they_are_asked_for(client: TestClient) -> None:
    (plain,) = results(client, "/studies/1.2.2/series")
    assert "00180015" not in plain
    (named,) = results(client, "/studies/1.2.2/series?includefield=BodyPartExamined")
    assert named["00180015"]["Value"] == ["CHEST"]
    (everything,) = results(client, "/studies/1.2.2/series?includefield=all")
    assert everything["00100020"]["Value"] == ["P2"]


def test_more_results_than_the_limit_are_announced(client: TestClient) -> None:
    assert "additional results" in client.get("/dicom-web/studies?limit=2").headers["Warning"]
    assert "Warning" not in client.get("/dicom-web/studies?limit=3").headers


@pytest.mark.slow
def test_names_are_found_by_words_and_their_sound_where_that_is_asked_for(
    client: TestClient,
) -> None:
    assert not found(client, "/studies?PatientName=Given")
    answer = client.get("/dicom-web/studies?PatientName=giv&fuzzymatching=true")
    assert len(answer.json()) == len(OF_STUDIES)
    assert "Warning" not in answer.headers
    assert found(client, "/series?PatientName=Givven,family2&fuzzymatching=true") == ["1.2.2"]


@pytest.mark.parametrize(
    "query",
    [
        "NoSuchThing=1",
        "limit=many",
        "limit=%C2%B2",
        "limit=-1",
        "offset=" + "9" * 5000,
        "SeriesNumber=%C2%B2",
        "PatientWeight=" + "9" * 5000,
        "StudyDate=2026",
        "StudyDate=20261301",
        "StudyDate=-",
        "StudyTime=25",
        "StudyTime=%D9%A1%D9%A0",
        "StudyInstanceUID=1.2.*",
        "StudyInstanceUID=1.2.1,1.2.%3F",
        "SOPClassesInStudy=*",
        "PatientName=%00",
        "PatientID=" + "x" * 5000,
        "RequestAttributesSequence=1",
        "PatientID.CodeValue=1",
        "NumberOfStudyRelatedInstances=2",
        "InstanceNumber=1",
        "PixelData=1",
        "fuzzymatching=maybe",
        "TimezoneOffsetFromUTC=noon",
        "&".join(f"PatientID={number}" for number in range(200)),
        ".".join(["RequestAttributesSequence"] * 40) + "=1",
    ],
)
def test_a_search_that_cannot_be_understood_is_refused(client: TestClient, query: str) -> None:
    answer = client.get(f"/dicom-web/studies?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["problem"]


def test_wildcards_in_uids_are_refused_in_so_many_words(client: TestClient) -> None:
    """PS3.4 Section C.2.2.2.4: they would find nothing, as if nothing were there."""
    for path in ("/studies?StudyInstanceUID=1.2.*", "/studies/1.2.*/series"):
        answer = client.get(f"/dicom-web{path}")
        assert answer.status_code == 400
        assert "(0020,000D) holds wildcards" in answer.json()["problem"]


def test_a_page_that_lies_too_far_behind_is_refused_in_words(client: TestClient) -> None:
    """Every match before it would have to be read one by one."""
    query = "PatientID=P1&ImageType=ABSENT"
    near = client.get(f"/dicom-web/instances?{query}&offset=5")
    far = client.get(f"/dicom-web/instances?{query}&offset=999999999")
    assert (near.status_code, far.status_code) == (200, 413)
    assert "narrow the query" in far.json()["problem"]
