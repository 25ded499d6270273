"""One query, four faces: QIDO-RS, UPS-RS, UPS over DIMSE and the Modality Worklist agree.

Each rule of PS3.4 Section C.2.2.2 is asked of each of them, by a client that a user would have.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydicom import dcmread
from pydicom.dataset import Dataset
from pynetdicom import AE

from dicom_node.dicomweb.errors import BadSearchError
from dicom_node.dicomweb.router import make_router
from dicom_node.dicomweb.workitems import WorkitemLimits, workitems_router
from dicom_node.domain.application_entity import Operation
from dicom_node.domain.subject import Subject
from dicom_node.network.access import StaticAccess
from dicom_node.network.worklist_scp import WorklistScp, WorklistScpSettings
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.persistence.database import make_engine, migrate
from dicom_node.ups.codes import UPS_PULL
from dicom_node.ups.fakes import FakeAnalyses, FakeSteps
from dicom_node.ups.presentation import Station
from dicom_node.ups.service import ProcedureSteps
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.peers import dcmtk
from tests.unit.builders import a_described_instance
from tests.unit.dicomweb.test_retrieving import Folder

pytestmark = pytest.mark.peer

PATIENTS: list[dict[str, str]] = [
    {"PatientID": "A1", "PatientName": "Müller^Jörg", "PatientBirthDate": "19600101"},
    {"PatientID": "A2", "PatientName": "Yamada^Tarou=山田^太郎", "PatientBirthDate": "19700101"},
    {"PatientID": "B1", "PatientName": "O'Neil^[x]_%", "PatientBirthDate": "19991231"},
    {"PatientID": "b1", "PatientName": "Weiss^Ann", "PatientBirthDate": ""},
]
STUDIES = [f"1.2.3.{number}" for number in (1, 2, 3, 4)]
EVERYBODY = {"A1", "A2", "B1", "b1"}

# keyword, value, who is meant
RULES: list[tuple[str, str, set[str]]] = [
    ("PatientID", "", EVERYBODY),
    ("PatientID", "*", EVERYBODY),
    ("PatientID", "A1", {"A1"}),
    ("PatientID", "B1", {"B1"}),
    ("PatientID", "A*", {"A1", "A2"}),
    ("PatientID", "?1", {"A1", "B1", "b1"}),
    ("PatientID", "[A]1", set()),
    ("PatientName", "muller^jorg", {"A1"}),
    ("PatientName", "MÜL*", {"A1"}),
    ("PatientName", "Müller^Jörg^^^", {"A1"}),
    ("PatientName", "山田*", {"A2"}),
    ("PatientName", "=山田^太郎", {"A2"}),
    ("PatientName", "yamada*=山*", {"A2"}),
    ("PatientName", "muller*=山*", set()),
    ("PatientName", "*[X]_%", {"B1"}),
    ("PatientName", "o'neil^?x?_%", {"B1"}),
    ("PatientName", "weiß*", {"b1"}),
    ("PatientBirthDate", "19600101", {"A1"}),
    ("PatientBirthDate", "19600101-19700101", {"A1", "A2"}),
    ("PatientBirthDate", "-19650101", {"A1"}),
    ("PatientBirthDate", "19650101-", {"A2", "B1"}),
    ("PatientBirthDate", "20000101-19600101", set()),
    ("StudyInstanceUID", "1.2.3.2", {"A2"}),
    ("StudyInstanceUID", "1.2.3.1\\1.2.3.3", {"A1", "B1"}),
]
REFUSED = [
    ("PatientBirthDate", "1960-01-01"),
    ("PatientBirthDate", "19601301"),
    ("StudyInstanceUID", "1.2.3.*"),
]

Face = Callable[[str, str], "set[str] | None"]


@pytest.fixture(scope="module")
def steps() -> ProcedureSteps:
    queue = FakeReviewQueue(clock=FakeClock())
    store = FakeSteps(review_queue=queue)
    for number, (study, patient) in enumerate(zip(STUDIES, PATIENTS, strict=True), start=1):
        queue.add(fake_details(number))
        store.subjects[study] = Subject(
            study_instance_uid=study,
            patient_id=patient["PatientID"],
            patient_name=patient["PatientName"],
            patient_birth_date=patient["PatientBirthDate"],
        )
    return ProcedureSteps(
        store=store,
        review_queue=queue,
        analyses=FakeAnalyses(),
        station=Station(ae_title="AINODE"),
        clock=queue.clock,
    )


@pytest.fixture(scope="module")
def scp(steps: ProcedureSteps) -> Iterator[WorklistScp]:
    settings = WorklistScpSettings(ae_title="AINODE", host="127.0.0.1", port=0)
    permitted = {"WS1": frozenset({Operation.WORKLIST})}
    running = WorklistScp(settings, steps=steps, access=StaticAccess(permitted))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def web(steps: ProcedureSteps, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder = tmp_path_factory.mktemp("index")
    engine = make_engine(f"sqlite:///{folder / 'hotbase.sqlite'}")
    migrate(engine)
    StudyIndex(engine).record(
        [
            a_described_instance(f"{study}.1.1", study=study, series=f"{study}.1", **patient)
            for study, patient in zip(STUDIES, PATIENTS, strict=True)
        ]
    )
    application = FastAPI()
    application.include_router(workitems_router(steps, caller=anybody, limits=WorkitemLimits()))
    application.include_router(make_router(Folder(folder), ObjectSearch(engine)))
    yield TestClient(application)
    engine.dispose()


def anybody(_request: Request) -> str:
    """As which AE title requests are made."""
    return "WS1"


def over_http(web: TestClient, path: str, keyword: str, value: str, **more: str) -> set[str] | None:
    try:
        answer = web.get(f"/dicom-web/{path}", params={keyword: value, **more})
    except BadSearchError:  # the node's application answers 400
        return None
    if answer.status_code == 400:
        return None
    found = answer.json() if answer.status_code == 200 else []
    return {each["00100020"]["Value"][0] for each in found}


@pytest.fixture(params=["QIDO-RS", "UPS-RS", "UPS", "MWL"])
def face(request: pytest.FixtureRequest) -> Face:
    """Ask one face: it answers with Patient IDs, or None where it refuses the query."""
    if request.param in ("QIDO-RS", "UPS-RS"):
        web = request.getfixturevalue("web")
        path = "studies" if request.param == "QIDO-RS" else "workitems"
        return lambda keyword, value: over_http(web, path, keyword, value)
    scp = request.getfixturevalue("scp")
    ask = by_pynetdicom if request.param == "UPS" else by_findscu
    return lambda keyword, value: ask(scp, keyword, value)


def by_pynetdicom(scp: WorklistScp, keyword: str, value: str) -> set[str] | None:
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.PatientID = ""
    identifier.add_new(keyword, "LO" if keyword == "PatientBirthDate" else _vr(keyword), value)
    ae = AE(ae_title="WS1")
    ae.add_requested_context(UPS_PULL)
    association = ae.associate("127.0.0.1", scp.port, ae_title="AINODE")
    try:
        answers = list(association.send_c_find(identifier, UPS_PULL))
    finally:
        association.release()
    if answers[-1][0].Status == 0xA900:
        return None
    assert answers[-1][0].Status == 0x0000
    return {str(found.PatientID) for _, found in answers[:-1] if found is not None}


def _vr(keyword: str) -> str:
    return {"PatientName": "PN", "StudyInstanceUID": "UI"}.get(keyword, "LO")


def by_findscu(scp: WorklistScp, keyword: str, value: str) -> set[str] | None:
    with TemporaryDirectory() as folder:
        done = dcmtk.run(
            "findscu", "-v", "-W", "-X", "-od", folder, "-aet", "WS1", "-aec", "AINODE",
            "-k", "SpecificCharacterSet=ISO_IR 192", "-k", "PatientID", "-k", f"{keyword}={value}",
            "127.0.0.1", str(scp.port),
        )  # fmt: skip
        items = [dcmread(path, force=True) for path in Path(folder).glob("*.dcm")]
    said = done.stdout + done.stderr
    assert "Received Final Find Response" in said, said
    return (
        None if "DataSetDoesNotMatchSOPClass" in said else {str(each.PatientID) for each in items}
    )


@pytest.mark.parametrize(("keyword", "value", "meant"), RULES)
def test_every_face_finds_the_same(face: Face, keyword: str, value: str, meant: set[str]) -> None:
    assert face(keyword, value) == meant


@pytest.mark.parametrize(("keyword", "value"), REFUSED)
def test_every_face_refuses_what_its_vr_does_not_hold(face: Face, keyword: str, value: str) -> None:
    assert face(keyword, value) is None


@pytest.mark.parametrize("path", ["studies", "workitems"])
@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("jorg mu", {"A1"}),
        ("Mueler", {"A1"}),
        ("太郎 yamada", {"A2"}),
        ("Oneill", {"B1"}),
        ("Vice*", {"b1"}),
        ("Weiss^Bob", set()),
        ("M?ller^*", {"A1"}),
        ("*m?lller", set()),
    ],
)
def test_both_searches_over_http_know_names_by_words_and_sound(
    web: TestClient, path: str, value: str, meant: set[str]
) -> None:
    assert over_http(web, path, "PatientName", value, fuzzymatching="true") == meant
