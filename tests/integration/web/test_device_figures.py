"""The pages of calibration and drift in a browser: every figure is drawn, and fits the window."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from prometheus_client import CollectorRegistry

from ai_engine.calibration.objective import Objective
from dicom_node.domain.device import Device
from dicom_node.domain.observation import Suspension
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.web.application import make_application
from dicom_node.web.server import WebServer
from tests.peers.chromium import chromium, keep_picture
from tests.peers.reading_room import PASSWORD, add_people, settings_in
from tests.schema import give_schema
from tests.unit.builders import EPOCH
from tests.unit.validated import CARD, Validated, cases_of
from tests.unit.web.test_device_pages import device_desk

pytestmark = pytest.mark.peer
SHIFTED = Device(calling_ae="CR1", manufacturer="Acme", model_name="Shifted")
RARE = Device(calling_ae="CR2", model_name="Rare")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """An administrator's window on a node that has calibrated a device and suspended its model."""
    repositories = Repositories(settings_in(tmp_path_factory.mktemp("node")))
    give_schema(repositories.engine)
    add_people(repositories)
    validated = Validated()
    cases_of(SHIFTED, validated, 150, shift=-4, seed=1)
    for _ in range(12):
        validated.add(RARE, score=0.8, truth=True)
    desk = device_desk(repositories, validated)
    desk.calibrating.calibrate(CARD.name, objective=Objective(), actor="otto")
    repositories.observations.suspend(
        Suspension(
            device_id=SHIFTED.device_id,
            model_name=CARD.name,
            at=EPOCH,
            actor="otto",
            reason="half of it is rejected",
        )
    )
    application = make_application(
        registry=CollectorRegistry(),
        problems=tuple,
        version="test",
        pages=make_pages(repositories.settings, repositories, None, version="test", devices=desk),
    )
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    with chromium() as browser:
        opened = browser.new_page(
            viewport={"width": 1280, "height": 800}, base_url=f"http://127.0.0.1:{server.port}"
        )
        opened.set_default_timeout(60_000)
        opened.goto("/")
        opened.get_by_label("Name").fill("otto")
        opened.get_by_label("Password").fill(PASSWORD)
        opened.get_by_role("button", name="Sign in").click()
        opened.wait_for_url("**/calibration")
        yield opened
    server.stop()
    repositories.close()


def _look(page: Page, path: str, name: str) -> int:
    """Open a page, keep what it looks like, and return how many figures it has."""
    refused: list[str] = []
    page.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    page.goto(path, wait_until="networkidle")
    figures = page.locator(".plot img")
    for number in range(figures.count()):
        figures.nth(number).scroll_into_view_if_needed()
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plot img')].every((each) => each.naturalWidth > 0)"
    )
    for each in page.locator("figure.plot").all():
        drawn = each.locator("img").bounding_box()
        caption = each.locator("figcaption").bounding_box()
        assert drawn is not None
        assert caption is not None
        assert caption["y"] >= drawn["y"] + drawn["height"], "what is drawn has all of the width"
    width = page.evaluate("document.documentElement.scrollWidth")
    keep_picture(page, name)
    assert width <= 1280, "nothing is cut off, and nothing scrolls sideways"
    assert refused == []
    return figures.count()


def test_a_calibrated_device_shows_its_three_curves(page: Page) -> None:
    path = f"/calibration?device={SHIFTED.device_id}"
    assert _look(page, path, "calibration") == 3
    assert page.get_by_text("In use", exact=True).count() == 1


def test_a_device_with_cases_of_one_kind_says_why_there_are_none(page: Page) -> None:
    assert _look(page, f"/calibration?device={RARE.device_id}", "calibration-rare") == 0
    assert page.get_by_text("Curves need cases of both kinds.").is_visible()
    assert page.get_by_text("This device has none of its own").is_visible()
    assert page.get_by_text("needs at least 10 images with the finding").is_visible()


def test_drift_shows_the_share_that_experts_accept(page: Page) -> None:
    assert _look(page, "/drift", "drift") == 2
    assert page.get_by_text("half of it is rejected").is_visible()
