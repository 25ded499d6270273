"""The upload page in a browser: what is chosen goes through, and what is refused is said in words.

What the page looks like lies in the folder that DICOM_NODE_SCREENSHOTS names, if it is set.
"""

import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from dicom_node.domain.study import StudyState
from tests.peers.chromium import chromium, keep_picture
from tests.peers.objects import make_dataset, write_part10
from tests.peers.office import office_stores, serving
from tests.peers.reading_room import PASSWORD
from tests.unit.web.test_storing import Corridor

pytestmark = pytest.mark.peer
_DESK = {"width": 1440, "height": 900}
_PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def corridor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corridor]:
    with office_stores(tmp_path_factory.mktemp("office")) as stores:
        stores.received.open()
        yield Corridor(stores)


@pytest.fixture(scope="module")
def address(corridor: Corridor) -> Iterator[str]:
    with serving(corridor.application) as made:
        yield made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """An operator at the upload page."""
    made = browser.new_page(base_url=address, viewport=_DESK)
    made.goto("/upload")
    made.get_by_label("Name").fill("olga")
    made.get_by_label("Password").fill(PASSWORD)
    made.get_by_role("button", name="Sign in").click()
    made.wait_for_url("**/upload")
    yield made
    made.close()


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    """A patient's disc: two images, what lies around on discs, and a letter."""
    folder = tmp_path / "disc"
    (folder / "IMAGES").mkdir(parents=True)
    for number in (1, 2):
        write_part10(folder / "IMAGES" / f"I{number}", make_dataset(number))
    (folder / "DICOMDIR").write_bytes(b"a list of contents")
    (folder / "autorun.inf").write_text("[autorun]")
    (folder / "Befund für Jürgen.pdf").write_bytes(b"%PDF-1.7")
    return folder


def _looked_at(page: Page, name: str) -> None:
    """By day and night, at a desk and on a phone: nothing scrolls sideways, nothing is unusable."""
    for scheme, size in (("dark", _DESK), ("light", _DESK), ("light", _PHONE), ("dark", _PHONE)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size(size)
        keep_picture(page, f"{name}-{scheme}-{size['width']}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


def test_a_folder_goes_through_and_its_study_is_followed_to_its_end(
    page: Page, corridor: Corridor, disc: Path
) -> None:
    _looked_at(page, "upload")
    page.set_viewport_size(_DESK)
    page.locator("#folder").set_input_files(disc)
    expect(page.get_by_role("status")).to_have_text("2 images arrived and are kept.")
    expect(page.get_by_role("heading", name="Not taken: 1 file")).to_be_visible()
    expect(page.locator("#refused-list li")).to_have_text(
        "disc/Befund für Jürgen.pdf this is not a DICOM file."
    )
    expect(page.get_by_text("2 images; it waits for more images")).to_be_visible()
    study = make_dataset().StudyInstanceUID
    claimed = corridor.stores.index.claim(study, by="test", at=datetime.now(UTC))
    assert claimed is not None
    expect(page.locator(".way-now strong")).to_contain_text("Being analysed")
    _looked_at(page, "upload-going-on")
    corridor.stores.index.finish(claimed, StudyState.NOT_ROUTED, "no route wants body part HAND")
    expect(page.locator(".way-stopped .words")).to_have_text("No route wants body part HAND.")
    assert page.locator("#on-their-way").get_attribute("hx-get") is None, "nothing is asked again"
    _looked_at(page, "upload-over")
    page.get_by_role("link", name="Everything about it").click()
    page.wait_for_url(f"**/studies/{study}")


def test_a_zip_file_is_unpacked_and_a_damaged_one_is_said_to_be(
    page: Page, disc: Path, tmp_path: Path
) -> None:
    packed = tmp_path / "disc.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in disc.rglob("*"):
            archive.write(path, path.relative_to(disc))
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(packed.read_bytes()[:700])
    page.locator("#files").set_input_files([packed, damaged])
    expect(page.get_by_role("status")).to_have_text("2 images arrived and are kept.")
    refused = page.locator("#refused-list li")
    expect(refused.filter(has_text="damaged.zip")).to_contain_text("the zip file is damaged")
    expect(refused.filter(has_text="disc.zip: Befund")).to_contain_text("not a DICOM file")


def test_files_are_dropped_and_what_holds_no_image_is_said_to(page: Page, tmp_path: Path) -> None:
    page.evaluate(
        """() => {
          const transfer = new DataTransfer();
          transfer.items.add(new File(['a photograph'], 'photo.jpg'));
          document.getElementById('drop').dispatchEvent(
            new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.get_by_role("status")).to_have_text("There are no DICOM images in what was chosen.")
    _looked_at(page, "upload-refused")


def test_a_folder_is_dropped_with_all_that_is_below_it(page: Page, tmp_path: Path) -> None:
    """Chromium itself drops it: a script can make files, and no folder."""
    folder = tmp_path / "of-a-patient"
    # A browser gives the entries of a folder by a hundred.
    for number in range(1, 104):
        place = folder / f"SERIES{number % 2}" / "DEEP"
        place.mkdir(parents=True, exist_ok=True)
        dataset = make_dataset(number)
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.77", f"1.2.3.77.{number % 2}"
        write_part10(place / f"I{number}", dataset)
    box = page.locator("#drop").bounding_box()
    assert box is not None
    place_of_drop = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    pointer = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        pointer.send("Input.dispatchDragEvent", {"type": kind, **place_of_drop, "data": data})
    expect(page.get_by_role("status")).to_have_text("103 images arrived and are kept.")


def test_the_page_is_used_by_keys_alone(page: Page) -> None:
    # Asked for before the keys: it takes the browser a moment to hand choosers over.
    with page.expect_file_chooser() as chooser:
        page.locator("body").press("Tab")
        for _ in range(30):
            if page.evaluate("document.activeElement.id") == "choose-files":
                break
            page.keyboard.press("Tab")
        expect(page.locator("#choose-files")).to_be_focused()
        page.keyboard.press("Enter")
    assert chooser.value.is_multiple()


def test_a_lost_connection_is_said_and_mended_by_one_button(page: Page, disc: Path) -> None:
    page.route("**/dicom-web/studies", lambda route: route.abort("connectionreset"))
    page.locator("#files").set_input_files([disc / "IMAGES" / "I1"])
    expect(page.get_by_role("status")).to_contain_text("The connection was lost")
    page.unroute("**/dicom-web/studies")
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_role("status")).to_have_text("1 image arrived and is kept.")
