"""The pages of calibration and drift: what they say, what they draw, and to whom."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client import CollectorRegistry

from ai_engine.calibration.cases import Minimum
from ai_engine.calibration.objective import Objective
from dicom_node.domain.device import Device
from dicom_node.domain.observation import Suspension
from dicom_node.domain.warehouse import LabelTruth, WarehouseFilter
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.devices.calibration_tables import CALIBRATION_USES
from dicom_node.web.application import make_application
from dicom_node.web.devices.ports import DeviceDesk
from dicom_node.workflow.devices.calibrate import Calibrating
from dicom_node.workflow.devices.drift import DriftRules, DriftWatch
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeWarehouse
from tests.peers.reading_room import PASSWORD, add_people, settings_in
from tests.schema import give_schema
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD, LABEL, Validated, cases_of
from tests.unit.web.test_sign_in import sign_in

pytestmark = pytest.mark.slow

SHIFTED = Device(calling_ae="CR1", manufacturer="Acme", model_name="Shifted")
RARE = Device(calling_ae="CR2", model_name="<b>Rare</b>")


def device_desk(repositories: Repositories, validated: Validated) -> DeviceDesk:
    """The desk over a Warehouse in memory."""
    clock = FakeClock(EPOCH + timedelta(days=8))
    repositories.observations.observe(validated.observations)
    return DeviceDesk(
        cards=lambda: (CARD,),
        devices=validated.warehouse.devices,
        watched=repositories.observations.devices,
        book=repositories.calibrations,
        calibrating=Calibrating(
            warehouse=validated.warehouse,
            calibrations=repositories.calibrations,
            card=lambda _name: CARD,
            minimum=Minimum(),
            clock=clock,
        ),
        watch=DriftWatch(
            warehouse=validated.warehouse,
            observations=repositories.observations,
            rules=DriftRules(),
            clock=clock,
        ),
        floor=0.75,
    )


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    """The stores that all tests share; each starts without calibrations."""
    made = Repositories(settings_in(tmp_path_factory.mktemp("node")))
    give_schema(made.engine)
    add_people(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def validated() -> Validated:
    made = Validated()
    cases_of(SHIFTED, made, 120, shift=-4, seed=1)
    cases_of(RARE, made, 5, shift=0, seed=2)
    return made


@pytest.fixture(scope="module")
def shared_desk(repositories: Repositories, validated: Validated) -> DeviceDesk:
    """The desk that all tests share: use ``desk``."""
    return device_desk(repositories, validated)


@pytest.fixture
def desk(repositories: Repositories, shared_desk: DeviceDesk) -> DeviceDesk:
    """The desk, before any calibration."""
    with repositories.engine.begin() as connection:
        connection.execute(sa.delete(CALIBRATION_USES))
    return shared_desk


@pytest.fixture(scope="module")
def application(repositories: Repositories, shared_desk: DeviceDesk) -> FastAPI:
    """The pages over the desk: made once, as they keep nothing themselves."""
    pages = make_pages(
        repositories.settings, repositories, None, version="test", devices=shared_desk
    )
    return make_application(
        registry=CollectorRegistry(), problems=tuple, version="test", pages=pages
    )


@pytest.fixture
def client(application: FastAPI, desk: DeviceDesk) -> TestClient:
    """A browser of somebody who looks at the desk."""
    made = TestClient(application, headers={"Accept": "text/html"})
    assert sign_in(made, "otto", PASSWORD) == 303
    return made


def test_before_any_calibration_the_models_own_thresholds_are_named(client: TestClient) -> None:
    page = client.get("/calibration").text
    assert "the model's own thresholds decide" in page.replace("&#39;", "'")
    assert "125 validated images" in page


def test_a_device_shows_its_version_its_figures_and_its_history(
    client: TestClient, desk: DeviceDesk
) -> None:
    desk.calibrating.calibrate(CARD.name, objective=Objective(), actor="otto")
    page = client.get("/calibration", params={"device": SHIFTED.device_id}).text
    version = desk.book.own(SHIFTED.device_id, CARD.identity)
    assert version is not None
    assert version.name in page
    assert f"Threshold {version.calibration.labels[0].point.threshold:.3f}" in page
    assert "History" in page
    rare = client.get("/calibration", params={"device": RARE.device_id}).text
    assert "This device has none of its own" in rare
    assert "<b>Rare</b>" not in rare


def test_a_step_back_is_said_with_what_ends_it(
    client: TestClient, desk: DeviceDesk, repositories: Repositories
) -> None:
    desk.calibrating.calibrate(CARD.name, objective=Objective(), actor="otto")
    where = {"device": SHIFTED.device_id}
    assert "went back" not in client.get("/calibration", params=where).text
    repositories.calibrations.roll_back(
        SHIFTED.device_id, CARD.identity, at=EPOCH, actor="ann", why="too strict", number=0
    )
    page = client.get("/calibration", params=where).text
    assert "ann went back to no calibration of its own" in page
    assert "until somebody runs <code>dicom-node calibrate</code>" in page


@pytest.mark.parametrize("figure", ["roc", "reliability", "thresholds"])
def test_every_curve_is_drawn(client: TestClient, figure: str) -> None:
    answer = client.get(f"/calibration/{SHIFTED.device_id}/{LABEL}/{figure}.svg")
    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert answer.text.count("<path") > 20


def test_curves_and_their_headings_are_in_the_readers_language(client: TestClient) -> None:
    address = f"/calibration/{SHIFTED.device_id}/{LABEL}/thresholds.svg"
    russian = {"Accept-Language": "ru"}
    # Letters are drawn as paths, with what they say in a comment.
    assert "<!-- Sensitivity -->" in client.get(address).text
    assert "<!-- Чувствительность -->" in client.get(address, headers=russian).text
    page = client.get("/calibration", params={"device": SHIFTED.device_id}, headers=russian).text
    assert "Надёжность вероятностей" in page
    assert ">Reliability<" not in page
    assert "<h2>Пневмония</h2>" in page


@pytest.mark.parametrize(
    "path",
    [
        "/calibration?device=nowhere",
        "/calibration?model=nothing",
        f"/calibration/all/{LABEL}/pie.svg",
        "/calibration/all/Mass/roc.svg",
        "/drift/nowhere/acceptance.svg",
    ],
)
def test_what_there_is_not_is_said_to_be_missing(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_drift_says_what_is_accepted_and_what_is_suspended(
    client: TestClient, repositories: Repositories
) -> None:
    repositories.observations.suspend(
        Suspension(
            device_id=SHIFTED.device_id,
            model_name=CARD.name,
            at=EPOCH,
            actor="otto",
            reason="half of it is rejected",
        )
    )
    page = client.get("/drift").text
    assert "half of it is rejected" in page
    assert "Experts accepted" in page
    drawn = client.get(f"/drift/{SHIFTED.device_id}/acceptance.svg")
    assert drawn.status_code == 200


def test_a_figure_reads_its_own_label_once_and_nothing_beside(
    client: TestClient, repositories: Repositories, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, truths = [], FakeWarehouse.truths

    def noted(self: FakeWarehouse, wanted: WarehouseFilter) -> Iterator[LabelTruth]:
        asked.append(wanted)
        return truths(self, wanted)

    monkeypatch.setattr(FakeWarehouse, "truths", noted)
    client.get(f"/calibration/{SHIFTED.device_id}/{LABEL}/roc.svg")
    client.get(f"/calibration/all/{LABEL}/roc.svg")
    client.get("/calibration/all/Mass/roc.svg")
    assert [(each.device_id, each.label) for each in asked] == [
        (SHIFTED.device_id, LABEL),
        ("", LABEL),
    ]
    asked.clear()
    statements: list[str] = []

    @sa.event.listens_for(repositories.engine, "before_cursor_execute")
    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    client.get(f"/drift/{SHIFTED.device_id}/acceptance.svg")
    sa.event.remove(repositories.engine, "before_cursor_execute", count)
    (wanted,) = asked
    assert wanted.decided_from is not None
    assert len([each for each in statements if "FROM observations" in each]) == 1  # the devices


def test_nobody_who_is_not_signed_in_sees_anything(client: TestClient) -> None:
    client.cookies.clear()
    for path in ("/calibration", "/drift", f"/calibration/all/{LABEL}/roc.svg"):
        assert client.get(path, follow_redirects=False).status_code in {303, 401}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../sign_in.py", "/static/%2e%2e/sign_in.py", "/static/..%2fsign_in.py",
        "/static/%2e%2e%2fsign_in.py", "/static/..%5csign_in.py", "/static//etc/passwd",
        "/static/%2fetc%2fpasswd", "/static/app.css%00.py", "/static/", "/static/ui/../../frame.py",
    ],
)  # fmt: skip
def test_nothing_but_static_files_is_served_as_one(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == (400 if "%00" in path else 404)
    assert "def " not in answer.text
    assert "root:" not in answer.text
