"""An administrator's browser: every page is whole, accessible, and fits window and phone.

What the pages look like lies in the folder that DICOM_NODE_SCREENSHOTS names, if it is set.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from ai_engine.calibration.objective import Objective
from dicom_node.domain.study import StudyState
from dicom_node.node.repositories import Repositories
from tests.peers.chromium import chromium, keep_picture
from tests.peers.office import ANALYSED, FAILED, office_application, office_stores, serving
from tests.peers.reading_room import PASSWORD
from tests.unit.builders import STUDY
from tests.unit.cli.test_studies_commands import JANE, hold
from tests.unit.validated import CARD, Validated, cases_of
from tests.unit.web.test_device_pages import SHIFTED, device_desk
from tests.unit.web.test_permissions import NoUploads

pytestmark = pytest.mark.peer
_PATIENCE = 60_000
_DESK = {"width": 1440, "height": 900}
_TABLET = {"width": 768, "height": 1024}
_PHONE = {"width": 390, "height": 844}
# Words of usual length in rows that go on in the next line: a column without room has one letter a
# line, and is no wider than its page. Addresses and UIDs may be broken.
_BROKEN_WORDS = """() => {
  const found = []
  for (const cell of document.querySelectorAll('.rows td')) {
    const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
    while (texts.nextNode()) {
      for (const word of texts.currentNode.data.matchAll(/[^\\s-]{2,14}(?!\\S)/g)) {
        if (word.index && /\\S/.test(texts.currentNode.data[word.index - 1])) continue
        const range = document.createRange()
        range.setStart(texts.currentNode, word.index)
        range.setEnd(texts.currentNode, word.index + word[0].length)
        const lines = new Set([...range.getClientRects()].map((each) => Math.round(each.top)))
        if (lines.size > 1) found.push(word[0])
      }
    }
  }
  return found
}"""
# What is pressed is 24 pixels high and wide at least; links within a sentence may be less.
_TOO_SMALL = """() => [...document.querySelectorAll(
    'a, button, select, input:not([type=checkbox])')]
  .filter((each) => {
    const { width, height } = each.getBoundingClientRect()
    const isInline = each.tagName === 'A' && getComputedStyle(each).display === 'inline'
    return width && height && !isInline && Math.min(width, height) < 24
  })
  .map((each) => each.outerHTML.slice(0, 80))"""
_TELLS_OF_BUSY_BUTTONS = """new MutationObserver((changes) => changes
  .filter(({ target }) => target.ariaBusy === 'true')
  .forEach(({ target }) => console.log(`busy: ${target.textContent}`)))
  .observe(document, { subtree: true, attributes: true, attributeFilter: ['aria-busy'] })"""
PAGES = {
    "overview": "/overview",
    "studies": "/studies",
    "study-detail": f"/studies/{ANALYSED}",
    "ae-titles": "/ae-titles",
    "ae-title": "/ae-titles/entry?title=CR1",
    "ae-title-new": "/ae-titles/new",
    "start": "/overview/start",
    "deliveries": "/deliveries",
    "disk": "/disk?going=1",
    "models": "/models",
    "model": "/models/card?name=chest-radiograph&version=2.0.0",
    "routes": "/routes",
    "route": "/routes/entry?name=chest-radiograph",
    "route-explain": f"/routes/explain?study={ANALYSED}",
    "notifications": "/notifications",
    "people": "/people",
    "person": "/people/person?name=otto",
    "token": "/people/tokens/new",
    "changes": "/changes",
    "audit": "/audit",
    "api": "/docs",
    "calibration": f"/calibration?device={SHIFTED.device_id}",
    "drift": "/drift",
    "upload": "/upload",
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        yield made


@pytest.fixture(scope="module")
def address(stores: Repositories) -> Iterator[str]:
    validated = Validated()
    cases_of(SHIFTED, validated, 120, shift=-4, seed=1)
    desk = device_desk(stores, validated)
    desk.calibrating.calibrate(CARD.name, objective=Objective(), actor="otto")
    with serving(office_application(stores, devices=desk, uploads=NoUploads())) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def window(browser: Browser, address: str, name: str = "otto", **options: Any) -> Page:
    """A window of somebody who has signed in."""
    page = browser.new_page(base_url=address, **{"viewport": _DESK, **options})
    page.set_default_timeout(_PATIENCE)
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile("/(overview|worklist)$"))
    return page


@pytest.fixture(scope="module")
def desk(browser: Browser, address: str) -> Iterator[Page]:
    """An administrator's window."""
    page = window(browser, address)
    yield page
    page.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible_by_day_and_night_and_fits_desk_tablet_and_phone(
    desk: Page, name: str
) -> None:
    refused: list[str] = []
    desk.on("console", lambda said: refused.append(said.text) if said.type == "error" else None)
    for scheme, size in (("dark", _TABLET), ("light", _DESK), ("light", _PHONE)):
        desk.emulate_media(color_scheme=scheme)
        desk.set_viewport_size(size)
        desk.goto(PAGES[name], wait_until="load")
        keep_picture(desk, f"{name}-{scheme}-{size['width']}")
        width = desk.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], "nothing scrolls sideways"
        assert desk.evaluate(_TOO_SMALL) == [], "a finger finds it (WCAG 2.2, 2.5.8)"
        found = Axe().run(desk)
        assert found.violations_count == 0, found.generate_report()
    assert refused == []


@pytest.mark.parametrize("language", ["ru", "kk", "ro", "be"])
def test_every_page_fits_a_phone_in_every_language(
    browser: Browser, address: str, language: str
) -> None:
    """Words of some languages are twice as long as ours, and buttons keep theirs on a line."""
    page = window(browser, address)
    page.set_viewport_size(_PHONE)
    page.set_extra_http_headers({"Accept-Language": language})
    wide, broken = {}, {}
    for name, path in PAGES.items():
        page.goto(path, wait_until="load")
        assert page.locator("html").get_attribute("lang") == language
        wide[name] = page.evaluate("document.documentElement.scrollWidth")
        broken[name] = page.evaluate(_BROKEN_WORDS)
    page.close()
    assert {name: width for name, width in wide.items() if width > _PHONE["width"]} == {}
    assert {name: words for name, words in broken.items() if words} == {}


def test_the_page_to_sign_in_is_accessible_and_fits_a_phone(browser: Browser, address: str) -> None:
    for scheme in ("dark", "light"):
        page = browser.new_page(base_url=address, viewport=_PHONE, color_scheme=scheme)
        page.goto("/")
        page.get_by_label("Name").fill("otto")
        page.get_by_label("Password").fill("not this one")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Name or password is not right.")).to_be_visible()
        keep_picture(page, f"sign-in-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= _PHONE["width"]
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        page.close()


def test_an_ae_title_is_added_and_what_is_wrong_is_said_beside_its_field(
    desk: Page, stores: Repositories
) -> None:
    desk.set_viewport_size(_DESK)
    desk.goto("/ae-titles")
    desk.get_by_role("link", name="Add").click()
    desk.get_by_label("AE title").fill("DX2")
    desk.get_by_label("Host", exact=True).fill("10.0.0.8")
    desk.get_by_label("Port", exact=True).fill("70000")
    desk.get_by_label("PACS", exact=True).check()
    desk.get_by_role("button", name="Add").click()
    expect(desk.get_by_text("Port 70000 is not in 1 to 65535.")).to_be_visible()
    keep_picture(desk, "ae-title-wrong")
    expect(desk.get_by_label("Host", exact=True)).to_have_value("10.0.0.8")
    desk.get_by_label("Port", exact=True).fill("11104")
    desk.get_by_role("button", name="Add").click()
    expect(desk.get_by_text("DX2 is added")).to_be_visible()
    assert stores.ae_titles.get("DX2").destinations == ("PACS",)


def test_what_was_written_is_there_again_after_signing_in_anew(
    browser: Browser, address: str
) -> None:
    page = window(browser, address)
    page.goto("/ae-titles/new")
    page.get_by_label("AE title").fill("CT7")
    page.get_by_label("Host", exact=True).fill("10.0.7.7")
    page.get_by_label("PACS", exact=True).check()
    page.context.clear_cookies()
    page.get_by_role("button", name="Add").click()
    page.get_by_label("Name").fill("otto")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/ae-titles/new")
    expect(page.get_by_label("AE title")).to_have_value("CT7")
    expect(page.get_by_label("Host", exact=True)).to_have_value("10.0.7.7")
    expect(page.get_by_label("PACS", exact=True)).to_be_checked()
    expect(page.locator("#notices")).to_contain_text("It was not sent")
    keep_picture(page, "written-again")
    page.reload()
    expect(page.get_by_label("AE title")).to_have_value("")
    page.close()


def test_a_failed_study_is_tried_again_from_the_first_page(
    desk: Page, stores: Repositories
) -> None:
    desk.goto("/overview")
    row = desk.get_by_role("row").filter(has_text=FAILED)
    row.get_by_role("button", name="Try again").click()
    expect(desk.get_by_text("routed and analysed again")).to_be_visible()
    assert stores.index.study(FAILED).state is StudyState.RECEIVING


def test_the_overview_draws_itself_anew_when_something_has_changed(
    browser: Browser, tmp_path: Path
) -> None:
    with office_stores(tmp_path) as stores, serving(office_application(stores)) as address:
        page = window(browser, address)
        failed = page.locator("li", has_text="failed").locator("b")
        expect(failed).to_have_text("1")
        stores.index.reopen_failed()
        # It asks by itself once a minute only: sooner, it has been told.
        expect(failed).to_have_text("0", timeout=30_000)
        page.close()


def test_whose_a_study_is_is_decided_on_a_phone_too(
    browser: Browser, address: str, stores: Repositories
) -> None:
    stores.received.open()
    hold(stores, JANE, {**JANE, "PatientName": "Smith^Jane"})
    page = window(browser, address, "ada")
    for scheme, size in (("dark", _DESK), ("light", _PHONE)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        page.goto(f"/studies/{STUDY}")
        keep_picture(page, f"whose-{scheme}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.locator("[name=mark]").first.bounding_box()["width"] < 24  # type: ignore[index]
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Choose a patient.")).to_be_visible()
    page.get_by_role("radio", name="Smith^Jane").check()
    page.get_by_label("All images are this patient's").check()
    page.get_by_label("On what grounds").fill("married")
    page.keyboard.press("Enter")
    expect(page.get_by_text("It is decided")).to_be_visible()
    decision = stores.patient_decisions.of_study(STUDY)
    assert decision is not None
    assert (decision.actor, decision.is_same) == ("ada", True)
    page.close()


def test_a_form_on_its_way_says_so_and_is_not_sent_twice(
    browser: Browser, address: str, stores: Repositories
) -> None:
    page = window(browser, address)
    page.add_init_script(_TELLS_OF_BUSY_BUTTONS)
    page.goto("/ae-titles/new")
    page.get_by_label("AE title").fill("SLOW")
    page.get_by_label("Host", exact=True).fill("10.0.0.9")
    sent: list[Route] = []

    def hold_back(route: Route) -> None:
        sent.append(route)

    page.route("**/ae-titles/new", hold_back)
    add = page.get_by_role("button", name="Add")
    add.scroll_into_view_if_needed()
    where = add.bounding_box()
    assert where
    middle = where["x"] + where["width"] / 2, where["y"] + where["height"] / 2
    # Nothing can be looked up in a page that is on its way to the next one.
    with page.expect_console_message(lambda message: message.text == "busy: Add"):
        page.mouse.click(*middle)
    page.mouse.click(*middle)
    page.mouse.click(*middle)
    assert len(sent) == 1
    sent[0].continue_()
    expect(page.get_by_text("SLOW is added")).to_be_visible()
    assert len(sent) == 1
    page.unroute_all()
    page.go_back()
    expect(page.get_by_role("button", name="Add")).not_to_have_attribute("aria-busy", "true")
    assert stores.ae_titles.get("SLOW").host == "10.0.0.9"
    page.close()
