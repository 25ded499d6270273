"""An expert's browser at the worklist: claim, look, decide, correct, disagree.

What the pages look like lies in the folder that DICOM_NODE_SCREENSHOTS names, if it is set.
"""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from dicom_node.domain.review import (
    FindingVerdict,
    Judgement,
    Reviewer,
    ReviewerRole,
    ReviewState,
    Verdict,
)
from tests.peers.chromium import chromium
from tests.peers.reading_room import PASSWORD, ReadingRoom, add_study, reading_room

pytestmark = pytest.mark.peer
_LAPTOP = {"width": 1280, "height": 800}
_TABLET = {"width": 1024, "height": 768}
_PATIENCE = 60_000
Shot = Callable[[Page, str], None]
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with chromium() as running:
        yield running


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ReadingRoom]:
    """Four studies: the model has found something in the first and the third."""
    with reading_room(tmp_path) as made:
        yield made


@pytest.fixture
def shot(tmp_path: Path) -> Shot:
    """Keep what a page looks like."""
    folder = Path(os.environ.get("DICOM_NODE_SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=folder / f"{name}.png")

    return keep


@pytest.fixture
def visit(browser: Browser, room: ReadingRoom) -> Iterator[Visit]:
    """Open browser windows of people who sign in; any script error fails the test."""
    errors: list[str] = []
    contexts = []

    def open_window(name: str, **options: object) -> Page:
        context = browser.new_context(**{"viewport": _LAPTOP, **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(_PATIENCE)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(room.url)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/worklist")
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert errors == []


def wait_for_images(page: Page, item_id: str) -> None:
    """Wait until the study view shows an item's image."""
    page.wait_for_selector(f'#stage[data-shown="{item_id}"]', timeout=_PATIENCE)


def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag over the image from one place to another, as shares of its element."""
    box = page.locator("#viewport").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=6)
    page.mouse.up()


def test_a_normal_study_takes_two_keys_and_the_next_one_opens(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    first, normal, second, _ = room.items
    page = visit("ada")
    shot(page, "queue")
    page.keyboard.press("Enter")
    wait_for_images(page, first)
    page.wait_for_selector(f'#stage[data-preloaded="{first}"]')
    shot(page, "study")
    for item in (first, second):
        wait_for_images(page, item)
        page.keyboard.press("a")
        page.keyboard.press("Enter")
    wait_for_images(page, normal)
    shot(page, "normal")
    assert page.url.endswith(normal)
    page.keyboard.press("a")
    shot(page, "agreed")
    page.keyboard.press("Enter")
    page.wait_for_selector(f'#panel:not([data-item="{normal}"])')
    assert room.worklist.item(normal).state is ReviewState.DECIDED
    (verdict,) = room.worklist.readings(first)
    assert verdict.reviewer.may_verify
    assert {each.judgement for each in verdict.findings} == {Judgement.CONFIRMED}


def test_a_missed_finding_is_added_with_a_box_where_it_was_drawn(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    page.keyboard.press("1")
    page.keyboard.press("y")
    page.keyboard.press("2")
    page.keyboard.press("n")
    page.keyboard.press("d")
    page.locator(".finding.added select[name^=label]").select_option("nodule")
    page.locator(".finding.added").get_by_label("Side").select_option("L")
    page.locator(".finding.added").get_by_role("button", name="Draw").click()
    drag(page, (0.55, 0.35), (0.65, 0.5))
    expect(page.locator(".finding.added.has-box")).to_be_visible()
    expect(page.locator("#summary")).to_have_text("Your corrections are complete.")
    shot(page, "corrected")
    page.locator("#sign").click()
    wait_for_images(page, room.items[2])
    (verdict,) = room.worklist.readings(item)
    said = {each.label: each for each in verdict.findings}
    assert said["opacity"].judgement is Judgement.CONFIRMED
    assert said["cardiomegaly"].judgement is Judgement.REJECTED
    assert said["nodule"].judgement is Judgement.ADDED
    box = said["nodule"].box
    assert box is not None
    # 640 rows fill the height of the element; the drag spans 35 % to 50 % of it.
    assert box.top == pytest.approx(0.35 * 640, abs=8)
    assert box.bottom == pytest.approx(0.50 * 640, abs=8)


def test_what_somebody_else_holds_can_be_seen_and_not_decided(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    bert = Reviewer(
        user_name="bert", person_name="Bert", organisation="Test", role=ReviewerRole.VERIFIER
    )
    page = visit("ada")
    # Bert is faster: the row still says that nobody holds it.
    room.worklist.claim(item, bert)
    page.locator(f'form[action$="{item}/claim"] button').click()
    expect(page.locator("#notices")).to_contain_text("held by bert")
    shot(page, "refused")
    page.goto(f"{room.url}/worklist")
    expect(page.get_by_text("bert until")).to_be_visible()
    page.get_by_role("link", name="Look").click()
    wait_for_images(page, item)
    expect(page.get_by_text("holds this result until")).to_be_visible()
    expect(page.locator("#sign")).to_be_disabled()
    shot(page, "held")
    page.keyboard.press("a")
    expect(page.locator("#sign")).to_be_disabled()


def test_a_verdict_that_comes_too_late_says_so_and_keeps_the_page(
    visit: Visit, room: ReadingRoom
) -> None:
    item = room.items[0]
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    ada = Reviewer(
        user_name="ada", person_name="Ada", organisation="Test", role=ReviewerRole.VERIFIER
    )
    agreed = tuple(
        FindingVerdict(image_uid=each.image_uid, label=each.label, judgement=Judgement.CONFIRMED)
        for each in room.worklist.details[item].findings
        if each.is_positive
    )
    room.worklist.decide(Verdict(item_id=item, reviewer=ada, findings=agreed))
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("#notices .notice-problem")).to_be_visible()
    assert page.locator("#panel").get_attribute("data-item") == item
    assert len(room.worklist.readings(item)) == 1


def test_a_third_reader_sees_both_readings_and_may_take_one(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    details = add_study(room, 5, found=True, readers=2)
    item = details.item.item_id
    for name, judgement in (("bert", Judgement.CONFIRMED), ("cleo", Judgement.REJECTED)):
        who = Reviewer(
            user_name=name, person_name=name, organisation="Test", role=ReviewerRole.VERIFIER
        )
        room.worklist.claim(item, who)
        findings = tuple(
            FindingVerdict(image_uid=each.image_uid, label=each.label, judgement=judgement)
            for each in details.findings
            if each.is_positive
        )
        room.worklist.decide(Verdict(item_id=item, reviewer=who, findings=findings))
    page = visit("ada")
    page.locator(".tabs").get_by_text("Adjudicating").click()
    expect(page.locator("table.rows tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Read", exact=True).click()
    wait_for_images(page, item)
    expect(page.get_by_text("Readers disagree")).to_be_visible()
    page.get_by_role("button", name="Take this reading").nth(1).click()
    expect(page.locator("#summary")).to_have_text("Your corrections are complete.")
    shot(page, "adjudication")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**/worklist*")
    decided = room.worklist.item(item)
    assert decided.state is ReviewState.DECIDED
    last = room.worklist.readings(item)[-1]
    assert {each.judgement for each in last.findings} == {Judgement.REJECTED}


def test_the_image_is_windowed_inverted_and_comes_back(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[0])
    before = page.locator("#image-window").text_content()
    drag(page, (0.5, 0.5), (0.7, 0.6))
    expect(page.locator("#image-window")).not_to_have_text(before or "")
    page.keyboard.press("i")
    expect(page.locator("[data-act=invert]")).to_have_attribute("aria-pressed", "true")
    transform = page.locator("#heat-map").get_attribute("style")
    page.keyboard.press("z")
    drag(page, (0.5, 0.5), (0.5, 0.3))
    expect(page.locator("#heat-map")).not_to_have_attribute("style", transform or "")
    page.keyboard.press("?")
    shot(page, "keys")
    page.keyboard.press("r")
    expect(page.locator("[data-act=invert]")).to_have_attribute("aria-pressed", "false")


def test_a_tablet_reads_by_touch(visit: Visit, room: ReadingRoom, shot: Shot) -> None:
    page = visit("rita", viewport=_TABLET, has_touch=True, is_mobile=True)
    shot(page, "tablet-queue")
    page.get_by_role("button", name="Start reading").tap()
    wait_for_images(page, room.items[0])
    page.locator("label", has_text="Agree").tap()
    expect(page.locator("#sign")).to_have_text("Sign as attested, next Enter")
    shot(page, "tablet-study")
    page.locator("#sign").tap()
    wait_for_images(page, room.items[2])
    (verdict,) = room.worklist.readings(room.items[0])
    assert not verdict.reviewer.may_verify


def test_a_claim_is_given_back(visit: Visit, room: ReadingRoom) -> None:
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[0])
    assert room.worklist.item(room.items[0]).is_held(datetime.now(UTC))
    page.keyboard.press("k")
    page.wait_for_url("**/worklist")
    assert not room.worklist.item(room.items[0]).is_held(datetime.now(UTC))
