"""QIDO-RS as dicomweb-client, the Python client of many viewers and pipelines, asks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dicomweb_client.api import DICOMwebClient
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from requests import HTTPError

from dicom_node.dicomweb.errors import DicomWebError
from dicom_node.dicomweb.router import PREFIX, make_router
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.web.server import WebServer
from tests.unit.builders import a_described_instance
from tests.unit.dicomweb.test_retrieving import Folder

STUDIES = 30


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DICOMwebClient]:
    folder: Path = tmp_path_factory.mktemp("index")
    engine = make_engine(f"sqlite:///{folder / 'hotbase.sqlite'}")
    migrate(engine)
    StudyIndex(engine).record(
        [
            a_described_instance(
                f"1.2.{study}.1.{number}",
                study=f"1.2.{study}",
                series=f"1.2.{study}.1",
                PatientID=f"P{study}",
                PatientName="山田^太郎" if study == 7 else f"Family{study}^Given",
                StudyDate=f"202601{study:02d}",
                Modality="CT" if study % 2 else "DX",
                InstanceNumber=number,
            )
            for study in range(1, STUDIES + 1)
            for number in (1, 2)
        ]
    )
    application = FastAPI()
    application.include_router(make_router(Folder(folder), ObjectSearch(engine)))

    @application.exception_handler(DicomWebError)
    def refuse(_request: object, error: DicomWebError) -> JSONResponse:
        return JSONResponse({"problem": str(error)}, status_code=error.status)

    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    yield DICOMwebClient(f"http://127.0.0.1:{server.port}{PREFIX}")
    server.stop()
    engine.dispose()


def test_studies_are_found_by_page_without_one_missed_or_given_twice(
    client: DICOMwebClient,
) -> None:
    found = [
        study["0020000D"]["Value"][0]
        for offset in range(0, STUDIES, 7)
        for study in client.search_for_studies(limit=7, offset=offset)
    ]
    assert found == [f"1.2.{study}" for study in range(STUDIES, 0, -1)]


def test_a_name_in_any_writing_finds_its_study(client: DICOMwebClient) -> None:
    (study,) = client.search_for_studies(search_filters={"PatientName": "山田*"})
    assert study["00100020"]["Value"] == ["P7"]


def test_series_and_instances_below_a_study(client: DICOMwebClient) -> None:
    (series,) = client.search_for_series("1.2.3", fields=["BodyPartExamined"])
    assert series["00201209"]["Value"] == [2]
    assert series["00180015"]["Value"] == ["CHEST"]
    instances = client.search_for_instances("1.2.3", "1.2.3.1")
    assert [each["00200013"]["Value"] for each in instances] == [[1], [2]]
    everywhere = client.search_for_series(search_filters={"Modality": "CT"}, limit=100)
    assert len(everywhere) == STUDIES // 2


def test_what_cannot_be_matched_is_a_400(client: DICOMwebClient) -> None:
    with pytest.raises(HTTPError) as refused:
        client.search_for_studies(search_filters={"StudyDate": "yesterday"})
    assert refused.value.response is not None
    assert refused.value.response.status_code == 400
