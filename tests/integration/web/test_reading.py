"""An expert's browser at the worklist: claim, look, decide, correct, disagree.

What the pages look like lies in the folder that DICOM_NODE_SCREENSHOTS names, if it is set.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, Route, expect

from ai_engine.prediction import RefusalReason, Region, Remark, RemarkKind
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids
from dicom_node.domain.evidence import MadeObjects
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.domain.review.review import (
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Laterality,
    Reviewer,
    ReviewerRole,
    ReviewState,
    UnanalysedImage,
    Verdict,
)
from dicom_node.domain.review.rules import superseded
from dicom_node.domain.review.verdicts import truths_of
from dicom_node.web.frame import STATIC
from dicom_node.workflow.review.statements import statements_of
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.chromium import chromium, keep_picture
from tests.peers.reading_room import (
    PASSWORD,
    ReadingRoom,
    add_ct,
    add_frames,
    add_measured_ct,
    add_radiograph,
    add_study,
    reading_room,
)

pytestmark = pytest.mark.peer
_LAPTOP = {"width": 1280, "height": 800}
_TABLET = {"width": 1024, "height": 768}
_PATIENCE = 60_000
Shot = Callable[[Page, str], None]
Visit = Callable[..., Page]
Place = tuple[str, int | None]


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
def shot() -> Shot:
    """Keep what a page looks like."""
    return partial(keep_picture, whole=False)


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


def add_nodule(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    """Name what was added a nodule and draw its box; shares as in `drag`."""
    added = page.locator(".finding.added")
    added.locator("select[name^=label]").select_option("nodule")
    added.get_by_role("button", name="Draw").click()
    drag(page, start, end)
    expect(page.locator(".finding.added.has-box")).to_be_visible()


def findings(room: ReadingRoom, item_id: str) -> tuple[FindingUnderReview, ...]:
    """Return what the model had said of an item."""
    return room.review_queue.details[item_id].findings


def truths(room: ReadingRoom, item_id: str) -> dict[Place, bool | None]:
    """Return what is learned from an item's only reading, by label and frame."""
    (verdict,) = room.review_queue.readings(item_id)
    return {
        (each.label, each.frame_number): each.value
        for each in truths_of(findings(room, item_id), verdict)
    }


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
    assert room.review_queue.item(normal).state is ReviewState.DECIDED
    (verdict,) = room.review_queue.readings(first)
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
    (verdict,) = room.review_queue.readings(item)
    said = {each.label: each for each in verdict.findings}
    assert said["opacity"].judgement is Judgement.CONFIRMED
    assert said["cardiomegaly"].judgement is Judgement.REJECTED
    assert said["nodule"].judgement is Judgement.ADDED
    box = said["nodule"].box
    assert box is not None
    # 640 rows fill the height of the element; the drag spans 35 % to 50 % of it.
    assert box.top == pytest.approx(0.35 * 640, abs=8)
    assert box.bottom == pytest.approx(0.50 * 640, abs=8)
    assert truths(room, item) == {
        ("opacity", None): True,
        ("cardiomegaly", None): False,
        ("effusion", None): False,
        ("nodule", None): True,
    }


def test_what_was_said_survives_a_session_that_ends_meanwhile(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    for key in ("1", "y", "2", "n", "d"):
        page.keyboard.press(key)
    add_nodule(page, (0.55, 0.35), (0.65, 0.5))
    page.get_by_label("Comment on the whole").fill("as in March")
    page.context.clear_cookies()
    page.locator("#sign").click()
    page.wait_for_url(re.compile(r"/sign-in\?to="))
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    wait_for_images(page, item)
    expect(page.locator("#said-before")).to_be_visible()
    expect(page.get_by_label("Comment on the whole")).to_have_value("as in March")
    expect(page.locator(".finding.added.has-box")).to_be_visible()
    shot(page, "said-before")
    page.locator("#sign").click()
    wait_for_images(page, room.items[2])
    expect(page.locator("#said-before")).to_be_hidden()
    (verdict,) = room.review_queue.readings(item)
    said = {each.label: each for each in verdict.findings}
    assert verdict.comment == "as in March"
    assert {label: each.judgement for label, each in said.items()} == {
        "opacity": Judgement.CONFIRMED,
        "cardiomegaly": Judgement.REJECTED,
        "nodule": Judgement.ADDED,
    }
    assert said["nodule"].box is not None
    assert page.evaluate("Object.keys(sessionStorage).filter((key) => key.includes('draft'))") == []


def test_a_comment_that_is_too_long_is_refused_beside_its_field_and_kept(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    page.keyboard.press("a")
    comment = page.get_by_label("Comment on the whole")
    comment.fill("x" * 1100)
    page.locator("#sign").click()
    beside = page.locator(".comment .wrong")
    expect(beside).to_have_text("A comment has at most 1024 characters.")
    expect(comment).to_have_value("x" * 1100)
    expect(comment).to_have_attribute("aria-invalid", "true")
    shot(page, "too-long")
    assert room.review_queue.readings(item) == ()
    comment.fill("x" * 1000)
    expect(beside).to_have_count(0)
    page.locator("#sign").click()
    wait_for_images(page, room.items[2])
    (verdict,) = room.review_queue.readings(item)
    assert verdict.comment == "x" * 1000


def test_a_finding_that_the_model_denied_is_added_and_learned_as_there(
    visit: Visit, room: ReadingRoom
) -> None:
    item = room.items[0]
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    for key in ("1", "y", "2", "y"):
        page.keyboard.press(key)
    page.locator(".negatives summary").click()
    page.locator(".negatives button.add[data-label=nodule]").click()
    page.locator("#sign").click()
    wait_for_images(page, room.items[2])
    assert truths(room, item) == {
        ("opacity", None): True,
        ("cardiomegaly", None): True,
        ("effusion", None): False,
        ("nodule", None): True,
    }
    (verdict,) = room.review_queue.readings(item)
    said = {each.title: each for each in statements_of(findings(room, item), verdict)}
    assert len(said) == 4, "the report says one thing of each label"
    assert said["Nodule"].words == "Added by the reader."


def test_a_finding_added_to_a_slice_is_about_the_slice(visit: Visit, room: ReadingRoom) -> None:
    details = add_ct(room, 9, slices=3, found_on=2)
    assert added_nodule(visit("ada"), room, details.item.item_id) == {
        ("opacity", None): True,
        ("cardiomegaly", None): True,
        ("effusion", None): False,
        ("nodule", None): True,
    }


def test_a_finding_added_to_a_frame_keeps_its_frame(visit: Visit, room: ReadingRoom) -> None:
    details = add_frames(room, 9, frames=3, found_on=2)
    assert added_nodule(visit("ada"), room, details.item.item_id) == {
        ("opacity", 2): True,
        ("cardiomegaly", 2): True,
        ("effusion", 2): False,
        ("nodule", 2): True,
    }


def added_nodule(page: Page, room: ReadingRoom, item: str) -> dict[Place, bool | None]:
    """Confirm what is found and add a nodule with a box; return what is learned from it."""
    page.goto(f"{room.url}/worklist/items/{item}")
    page.get_by_role("button", name="Claim it").click()
    wait_for_images(page, item)
    for key in ("1", "y", "2", "y", "d"):
        page.keyboard.press(key)
    add_nodule(page, (0.45, 0.35), (0.55, 0.5))
    page.locator("#sign").click()
    wait_for_images(page, room.items[0])
    return truths(room, item)


def test_what_somebody_else_holds_can_be_seen_and_not_decided(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    bert = Reviewer(
        user_name="bert", person_name="Bert", organisation="Test", role=ReviewerRole.VERIFIER
    )
    page = visit("ada")
    # Bert is faster: the row still says that nobody holds it.
    room.review_queue.claim(item, bert)
    page.locator(f'form[action$="{item}/claim"] button').click()
    expect(page.locator("#notices")).to_contain_text("held by bert")
    expect(page.locator(".state-held")).to_contain_text("bert until")  # the queue looked again
    shot(page, "refused")
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
        for each in room.review_queue.details[item].findings
        if each.is_positive
    )
    room.review_queue.decide(Verdict(item_id=item, reviewer=ada, findings=agreed))
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    expect(page.locator("#notices .notice-problem")).to_be_visible()
    assert page.locator("#panel").get_attribute("data-item") == item
    assert len(room.review_queue.readings(item)) == 1


def test_a_third_reader_sees_both_readings_and_may_take_one(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    details = add_study(room, 5, found=True, readers=2)
    item = details.item.item_id
    box = Region(left=300, top=200, right=400, bottom=330)
    for name, judgement in (("bert", Judgement.CONFIRMED), ("cleo", Judgement.REJECTED)):
        who = Reviewer(
            user_name=name, person_name=name, organisation="Test", role=ReviewerRole.VERIFIER
        )
        room.review_queue.claim(item, who)
        findings = tuple(
            FindingVerdict(image_uid=each.image_uid, label=each.label, judgement=judgement)
            for each in details.findings
            if each.is_positive
        )
        if name == "bert":
            findings = (replace(findings[0], box=box), *findings[1:])
        room.review_queue.decide(Verdict(item_id=item, reviewer=who, findings=findings))
    page = visit("ada")
    page.locator(".tabs").get_by_text("Adjudicating").click()
    expect(page.locator("table.rows tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Read", exact=True).click()
    wait_for_images(page, item)
    expect(page.get_by_text("Readers disagree")).to_be_visible()
    expect(page.locator("#boxes .reader text")).to_have_text("bert: Opacity")
    page.get_by_role("button", name="Take this reading").nth(1).click()
    expect(page.locator("#summary")).to_have_text("Your corrections are complete.")
    shot(page, "adjudication")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url("**/worklist*")
    decided = room.review_queue.item(item)
    assert decided.state is ReviewState.DECIDED
    last = room.review_queue.readings(item)[-1]
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


def test_what_was_said_and_drawn_is_taken_back_and_said_again(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[0])
    undo, redo = page.locator("[data-act=undo]"), page.locator("[data-act=redo]")
    expect(undo).to_be_disabled()
    page.keyboard.press("m")
    drag(page, (0.3, 0.3), (0.6, 0.3))
    ruler = page.locator("#viewport svg g text").get_by_text("mm at the detector")
    expect(ruler).to_have_count(1)
    page.keyboard.press("1")
    page.keyboard.press("y")
    page.keyboard.press("b")
    drag(page, (0.4, 0.6), (0.5, 0.7))
    box = page.locator("input[name='box.0']")
    drawn = box.input_value()
    assert drawn
    shot(page, "ruler")
    page.keyboard.press("Control+z")
    expect(box).to_have_value("")
    confirmed = page.get_by_role("radio", name="Confirm").first
    expect(confirmed).to_be_checked()
    page.keyboard.press("Control+z")
    expect(confirmed).not_to_be_checked()
    expect(page.locator("#sign")).to_be_disabled()
    page.keyboard.press("Control+z")
    expect(ruler).to_have_count(0)
    expect(undo).to_be_disabled()
    for _ in range(3):
        page.keyboard.press("Control+y")
    expect(box).to_have_value(drawn)
    expect(ruler).to_have_count(1)
    expect(redo).to_be_disabled()
    page.keyboard.press("Delete")
    expect(ruler).to_have_count(0)


def test_windows_are_chosen_by_name_and_zoom_is_kept_for_the_next_study(
    visit: Visit, room: ReadingRoom
) -> None:
    item = add_ct(room, 20, slices=3, found_on=2).item.item_id
    page = visit("ada")
    page.goto(f"{room.url}/worklist/items/{item}")
    wait_for_images(page, item)
    window, said = page.locator("#window-choice"), page.locator("#image-window")
    expect(said).to_have_text("C -500  W 1500")
    for name, shown in (
        ("Mediastinum 40/400", "C 40  W 400"),
        ("Lung -600/1500", "C -600  W 1500"),
    ):
        window.select_option(label=name)
        expect(said).to_have_text(shown)
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    expect(window.locator("option:checked")).to_have_text("Mediastinum 40/400")
    drag(page, (0.5, 0.5), (0.6, 0.6))
    expect(window.locator("option:checked")).to_have_text("By hand")
    page.goto(f"{room.url}/worklist")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[0])
    whole = _scale(page)
    page.keyboard.press("f")
    page.keyboard.press("z")
    drag(page, (0.5, 0.4), (0.5, 0.6))
    closer = _scale(page)
    assert closer > 1.2 * whole
    page.keyboard.press("a")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[2])
    # What opens above the image takes some of its height.
    assert _scale(page) == pytest.approx(closer, rel=0.1)


def test_a_ct_is_scrolled_with_its_outlines_and_its_figures_are_corrected(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = add_measured_ct(room, 20, slices=9).item.item_id
    page = visit("ada")
    page.goto(f"{room.url}/worklist/items/{item}")
    wait_for_images(page, item)
    page.get_by_role("button", name="Claim it").click()
    position, outlines = page.locator("#image-position"), page.locator("#boxes .contours path")
    expect(position).to_have_text("5 / 9")
    expect(outlines).to_have_count(3)
    page.keyboard.press("PageDown")
    expect(position).to_have_text("7 / 9")
    expect(outlines).to_have_count(4)
    shot(page, "ct")
    page.keyboard.press("o")
    expect(outlines).to_have_count(0)
    page.keyboard.press("o")
    page.keyboard.press("Home")
    expect(position).to_have_text("1 / 9")
    expect(outlines).to_have_count(0)
    page.keyboard.press("1")
    page.keyboard.press("x")
    page.locator("[name='percentage.0']").fill("31")
    page.keyboard.press("Tab")
    expect(page.locator(".grade-now").first).to_have_text("3")
    page.keyboard.press("Escape")
    for number, key in (("2", "y"), ("3", "x"), ("4", "n")):
        page.keyboard.press(number)
        page.keyboard.press(key)
    expect(position).to_have_text("7 / 9")
    page.locator("[name='changed_to.2']").select_option("atelectasis")
    page.locator("[name='comment.2']").fill("collapsed")
    shot(page, "ct-corrected")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Add a missed pattern").click()
    page.locator("[name='label.4']").select_option("nodule")
    page.locator("#sign").click()
    page.wait_for_selector(f'#panel:not([data-item="{item}"])')
    (verdict,) = room.review_queue.readings(item)
    assert verdict.ct is not None
    right, left = verdict.ct.lungs
    assert (right.judgement, right.percentage) == (Judgement.CHANGED, 31.0)
    assert (left.judgement, left.percentage) == (Judgement.CONFIRMED, None)
    glass, consolidation, missed = verdict.ct.patterns
    assert (glass.changed_to, glass.comment) == ("atelectasis", "collapsed")
    assert consolidation.judgement is Judgement.REJECTED
    assert (missed.pattern, missed.judgement) == ("nodule", Judgement.ADDED)


def test_the_queue_is_used_by_keys_alone(visit: Visit, room: ReadingRoom, shot: Shot) -> None:
    page = visit("ada")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    shot(page, "queue-keys")
    assert Axe().run(page).response["violations"] == []
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("nobody")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No result matches these filters.")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("SYNTH")
    page.keyboard.press("Enter")
    expect(page.locator(".queue-rows tbody tr")).to_have_count(len(room.items))
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[2])


def test_a_tablet_reads_by_touch(visit: Visit, room: ReadingRoom, shot: Shot) -> None:
    page = visit("rita", viewport=_TABLET, has_touch=True, is_mobile=True)
    shot(page, "tablet-queue")
    page.get_by_role("button", name="Start reading").tap()
    wait_for_images(page, room.items[0])
    page.locator("label", has_text="Agree").tap()
    expect(page.locator("#sign")).to_have_text("Sign as attested, next Enter")
    shot(page, "tablet-study")
    page.set_viewport_size({"width": 768, "height": 1024})
    for needed in ("#viewport", "#sign", "#heat-map-opacity"):
        expect(page.locator(needed)).to_be_in_viewport()
    shot(page, "tablet-upright")
    page.locator("#sign").tap()
    wait_for_images(page, room.items[2])
    (verdict,) = room.review_queue.readings(room.items[0])
    assert not verdict.reviewer.may_verify


def test_a_desk_window_at_twice_its_size_leaves_the_image_room(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    page = visit("ada", viewport={"width": 720, "height": 450})
    page.get_by_role("button", name="Start reading").click()
    page.wait_for_url("**/worklist/items/**")
    wait_for_images(page, page.url.rpartition("/")[2])
    shot(page, "reading-zoomed")
    frame = page.locator(".viewport-frame").bounding_box()
    assert frame is not None
    assert frame["height"] > 200
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    page.keyboard.press("a")
    page.get_by_role("button", name=re.compile("Sign as")).click()
    expect(page.get_by_text("Signed.")).to_be_visible()


def test_a_claim_is_given_back(visit: Visit, room: ReadingRoom) -> None:
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[0])
    assert room.review_queue.item(room.items[0]).is_held(datetime.now(UTC))
    page.keyboard.press("k")
    page.wait_for_url("**/worklist")
    assert not room.review_queue.item(room.items[0]).is_held(datetime.now(UTC))


def test_a_script_that_did_not_come_is_fetched_anew(visit: Visit, room: ReadingRoom) -> None:
    page = visit("ada")
    lost: list[str] = []

    def lose(route: Route) -> None:
        lost.append(route.request.url)
        if len(lost) == 1:
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route(_viewer_script(), lose)
    page.goto(f"{room.url}/worklist/items/{room.items[0]}")
    wait_for_images(page, room.items[0])
    assert len(lost) >= 2


def _viewer_script() -> re.Pattern[str]:
    """Return what the address of the viewer's script ends in: what the study view imports late."""
    (name,) = re.findall(r'import\("\./(chunk-\w+\.js)"\)', (STATIC / "ui/study.js").read_text())
    return re.compile(re.escape(name))


def _place(page: Page) -> str:
    """Return where the heat map lies over the image, once what was asked for is drawn."""
    page.evaluate(
        "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"
    )
    return page.locator("#heat-map").get_attribute("style") or ""


def _scale(page: Page) -> float:
    """Return how much larger than its own element the heat map is shown: the image's zoom."""
    style = _place(page)
    found = re.search(r"matrix\(([-\d.e]+)", style)
    assert found is not None, style
    return float(found[1])


def test_a_stack_is_scrolled_by_wheel_keys_slider_and_finding(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    details = add_ct(room, 9, slices=12, found_on=7)
    page = visit("ada")
    page.goto(f"{room.url}/worklist/items/{details.item.item_id}")
    wait_for_images(page, details.item.item_id)
    position = page.locator("#image-position")
    expect(position).to_have_text("7 / 12")
    expect(page.locator("#stack")).to_have_value("7")
    expect(page.locator("#image-window")).to_have_text("C -500  W 1500")
    expect(page.locator("#boxes rect")).to_have_count(2)
    shot(page, "stack")
    page.mouse.move(450, 400)
    page.mouse.wheel(0, 100)
    expect(position).to_have_text("8 / 12")
    expect(page.locator("#boxes rect")).to_have_count(0)
    expect(page.locator("#heat-map")).to_be_hidden()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(position).to_have_text("6 / 12")
    page.locator("#stack").fill("12")
    expect(position).to_have_text("12 / 12")
    page.locator("#stack").fill("4")
    page.keyboard.press("ArrowDown")
    expect(position).to_have_text("5 / 12")
    page.keyboard.press("ArrowLeft")
    expect(position).to_have_text("4 / 12")
    page.keyboard.press("2")
    expect(position).to_have_text("7 / 12")
    page.keyboard.press("s")
    drag(page, (0.5, 0.5), (0.5, 0.3))
    expect(position).not_to_have_text("7 / 12")


def test_each_tool_lets_the_one_before_go(visit: Visit, room: ReadingRoom) -> None:
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[0])
    fitted, whole = _scale(page), _place(page)
    page.keyboard.press("z")
    drag(page, (0.5, 0.5), (0.5, 0.4))
    zoomed = _scale(page)
    assert zoomed != pytest.approx(fitted, rel=0.01)
    page.keyboard.press("p")
    drag(page, (0.5, 0.5), (0.6, 0.6))
    assert _scale(page) == pytest.approx(zoomed, rel=0.001)
    moved = _place(page)
    assert moved != whole
    page.keyboard.press("w")
    window = page.locator("#image-window").text_content() or ""
    drag(page, (0.5, 0.5), (0.6, 0.4))
    assert _place(page) == moved
    expect(page.locator("#image-window")).not_to_have_text(window)


def test_two_fingers_zoom_and_move_whatever_the_tool(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    page = visit("ada", viewport=_TABLET, has_touch=True, is_mobile=True)
    page.get_by_role("button", name="Start reading").tap()
    wait_for_images(page, room.items[0])
    box = page.locator("#viewport").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    fingers = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(places)]
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def pair(apart: float, shift: float = 0.0) -> tuple[tuple[float, float], ...]:
        (x, y) = middle
        return (x - apart + shift, y), (x + apart + shift, y)

    window = page.locator("#image-window").text_content() or ""
    fitted = _scale(page)
    touch("touchStart", *pair(60))
    page.wait_for_timeout(200)
    for apart in range(65, 125, 5):
        touch("touchMove", *pair(apart))
        page.wait_for_timeout(20)
    touch("touchEnd")
    zoomed = _scale(page)
    assert zoomed > 1.2 * fitted
    expect(page.locator("#image-window")).to_have_text(window)
    before = _place(page)
    touch("touchStart", *pair(60))
    page.wait_for_timeout(200)
    for shift in range(5, 65, 5):
        touch("touchMove", *pair(60, shift))
        page.wait_for_timeout(20)
    touch("touchEnd")
    assert _place(page) != before
    assert _scale(page) == pytest.approx(zoomed, rel=0.05)
    shot(page, "tablet-zoomed")
    touch("touchStart", middle)
    page.wait_for_timeout(200)
    for shift in range(5, 65, 5):
        touch("touchMove", (middle[0] + shift, middle[1] - shift))
        page.wait_for_timeout(20)
    touch("touchEnd")
    expect(page.locator("#image-window")).not_to_have_text(window)


def test_side_place_words_and_doubt_reach_the_verdict(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    page = visit("ada")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    page.keyboard.press("1")
    page.keyboard.press("x")
    first = page.locator(".finding").nth(0)
    first.get_by_label("Side").select_option("R")
    first.get_by_label("Comment").fill("behind the heart")
    page.keyboard.press("Escape")
    page.keyboard.press("b")
    drag(page, (0.35, 0.5), (0.45, 0.6))
    expect(page.locator(".finding.has-box")).to_have_count(1)
    expect(page.locator("#summary")).to_have_text("Still to say: Cardiomegaly.")
    expect(page.locator("#sign")).to_be_disabled()
    page.keyboard.press("2")
    page.keyboard.press("u")
    page.get_by_label("Comment on the whole").fill("supine")
    page.keyboard.press("Escape")
    shot(page, "cannot-tell")
    page.keyboard.press("Enter")
    wait_for_images(page, room.items[2])
    (verdict,) = room.review_queue.readings(item)
    said = {each.label: each for each in verdict.findings}
    assert verdict.comment == "supine"
    assert said["opacity"].judgement is Judgement.CHANGED
    assert said["opacity"].laterality is Laterality.RIGHT
    assert said["opacity"].comment == "behind the heart"
    assert said["opacity"].box is not None
    assert said["cardiomegaly"].judgement is Judgement.UNSURE


def test_what_is_over_or_replaced_says_so_on_its_page(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    first, normal, second, _ = room.items
    details = room.review_queue.details[first]
    room.review_queue.details[first] = replace(details, item=superseded(details.item, second))
    page = visit("bert")
    page.goto(f"{room.url}/worklist/items/{first}")
    wait_for_images(page, first)
    expect(page.get_by_text("A later result of this study took this one's place.")).to_be_visible()
    shot(page, "superseded")
    page.get_by_role("link", name="Look at it").click()
    page.wait_for_url(f"**/{second}")
    who = Reviewer(
        user_name="cleo", person_name="Cleo", organisation="Test", role=ReviewerRole.VERIFIER
    )
    room.review_queue.claim(normal, who)
    room.review_queue.decide(Verdict(item_id=normal, reviewer=who, comment="old scar"))
    page.goto(f"{room.url}/worklist/items/{normal}")
    wait_for_images(page, normal)
    expect(page.get_by_text("Decided by cleo")).to_be_visible()
    shot(page, "decided")
    page.goto(f"{room.url}/worklist?shown=adjudicating")
    expect(page.get_by_text("No result matches these filters.")).to_be_visible()
    shot(page, "empty")
    page.goto(f"{room.url}/worklist/items/{'f' * 32}")
    expect(page.get_by_text("That did not work")).to_be_visible()
    shot(page, "problem")


def test_what_must_be_known_of_a_result_stands_before_its_findings(
    visit: Visit, room: ReadingRoom, shot: Shot
) -> None:
    item = room.items[0]
    details = room.review_queue.details[item]
    (image,) = details.images
    uids = StudyUids(study="1.2.3.1", series="1.2.3.1.1", instance="1.2.3.1.1.2")
    options = ChestOptions(seed=7, rows=image.rows, columns=image.columns)
    add_radiograph(room, uids, options)
    second = replace(image, sop_instance_uid=uids.instance, instance_number=2)
    header, triage = (
        "The header speaks against it (body part HAND is not one of CHEST), but the image was "
        "analysed, because its pixels show: upright frontal chest.",
        "Triage by chest-triage 1.0.0: not normal with a probability of 83 % (threshold 50 %); it "
        "decides the order of work only.",
    )
    room.review_queue.details[item] = replace(
        details,
        item=replace(details.item, image_count=2),
        images=(image, second),
        remarks=(
            Remark(kind=RemarkKind.TRIAGE, sop_instance_uid=image.sop_instance_uid, detail=triage),
            Remark(
                kind=RemarkKind.TAGS_DISAGREE,
                sop_instance_uid=image.sop_instance_uid,
                detail=header,
            ),
        ),
        made=(
            MadeObjects(model_name="chest", model_version="2.0.0", kind=EvidenceKind.SR, count=1),
            MadeObjects(model_name="chest", model_version="2.0.0", kind=EvidenceKind.SC, count=2),
            MadeObjects(model_name="bones", model_version="1.0.0", kind=EvidenceKind.SOFT, count=1),
        ),
        refusals=(
            UnanalysedImage(
                sop_instance_uid=second.sop_instance_uid,
                reason=RefusalReason.NOT_FRONTAL_CHEST.value,
                detail="looks like: lateral chest",
            ),
        ),
        external=(
            ExternalReport(
                sop_instance_uid="1.2.826.0.1.3680043.8.498.27159844013578420199",
                item_id=item,
                study_instance_uid=details.item.study_instance_uid,
                path="",
                closed=False,
                message="the report does not say on which image it means Pulmonary opacity: "
                "it is stored, and the item stays open for a reader",
                seen_at=datetime(2026, 1, 1, tzinfo=UTC),
            ),
        ),
    )
    page = visit("ada")
    marked = page.locator("table.rows tbody tr", has_text="header disagrees")
    expect(marked).to_have_count(1)
    expect(marked.locator(f'form[action$="{item}/claim"]')).to_have_count(1)
    shot(page, "queue-remarks")
    page.keyboard.press("Enter")
    wait_for_images(page, item)
    remarks = page.locator(".remarks li")
    expect(remarks).to_have_text(
        [
            re.compile(r"Report of another workstation.*27159844013578420199: .*which image"),
            re.compile(re.escape(f"image 1 of 2{header}")),
            re.compile(r"Not analysed image 2 of 2.*looks like: lateral chest\."),
            re.compile(re.escape(triage)),
        ]
    )
    expect(page.locator(".remarks .warns")).to_have_count(3)
    page.get_by_text("Made of this study (4)").click()
    expect(page.locator(".made li")).to_have_text(
        ["chest 2.0.0report, overlay × 2", "bones 1.0.0image without bones"]
    )
    panel = page.locator("#panel").inner_text()
    assert panel.index("HAND") < panel.index("threshold"), "read before what the model says"
    shot(page, "remarks")
    page.goto(f"{room.url}/worklist/items/{room.items[1]}")
    expect(page.locator("#panel .heading")).to_be_visible()
    expect(page.locator(".remarks")).to_have_count(0)
    page.set_viewport_size({"width": 768, "height": 1024})
    page.goto(f"{room.url}/worklist/items/{item}")
    expect(page.locator("#sign")).to_be_in_viewport()
    shot(page, "remarks-upright")
