"""Takes the pictures of the documentation: from the tour's synthetic studies, in a real browser.

    make pictures

Chromium has to be installed; OHIF's picture needs Orthanc and OHIF as well. Each picture is a WebP
below ``MOST_BYTES``; reading a study and the next one is an animation below ``MOST_MOVING``.
"""

import argparse
import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console

from dicom_node.demo.tour.run import Tour, TourOptions, tour
from dicom_node.errors import NodeError
from dicom_node.network.libraries import set_up_dicom_libraries

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES, MOST_MOVING = 150_000, 400_000
_SIZE = {"width": 1440, "height": 900}
_SHOWN_WIDTH, _MOVING_WIDTH = 1280, 860
# How long each picture of the animation stands, in milliseconds.
_STANDS = 1600
_PATIENCE = 90_000
# WebGL without a graphics card, and no shared memory limits of containers.
_OPTIONS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
)


def main() -> int:
    """Take every picture, or those named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--to", type=Path, default=PICTURES, help="the folder for the pictures")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    console = Console()
    if chromium is None:
        console.print("Chromium is not installed (Debian package chromium).")
        return 1
    set_up_dicom_libraries()
    options.to.mkdir(parents=True, exist_ok=True)
    wanted = TourOptions(
        config_dir=ROOT / "config",
        orthanc_dir=ROOT / "orthanc",
        cache=ROOT / "demo" / "work" / "data" / "cache",
    )
    try:
        with tour(wanted, console) as made, _browser(chromium) as browser:
            for name, pictures in _taken(browser, made):
                path = options.to / f"{name}.webp"
                if len(pictures) == 1:
                    _keep(pictures[0], path)
                else:
                    _keep_moving(pictures, path)
                console.print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", highlight=False)
    except NodeError as error:
        console.print(f"[red]Error:[/] {error}")
        return 1
    return 0


def _taken(browser: Browser, made: Tour) -> Iterator[tuple[str, list[bytes]]]:
    """Give each picture with its name; an animation has several."""
    with _signed_in(browser, made, "admin", "light") as page:
        yield "overview", [_shot(page)]
        page.goto(f"{made.node_url}/notifications")
        yield "notifications", [_shot(page)]
    with _signed_in(browser, made, "expert", "dark") as page:
        worklist = _shot(page)
        yield "worklist", [worklist]
        page.locator("tr", has_text="DX").get_by_role("button", name="Read").first.click()
        page.wait_for_url("**/worklist/items/**")
        _wait_for_images(page)
        reading = _shot(page)
        yield "reading", [reading]
        yield "reading-moving", [worklist, reading, *_read_on(page)]
    if made.viewer_url:
        study = next(
            study for study, _ in made.studies if study.title == "abnormal"
        ).study_instance_uid
        with _page(browser, "dark") as page:
            page.goto(f"{made.viewer_url}/viewer?StudyInstanceUIDs={study}")
            page.get_by_text("Skip all").click()
            page.get_by_text("AI overlay (research)").first.dblclick()
            page.wait_for_timeout(6000)
            yield "ohif", [_shot(page)]


def _wait_for_images(page: Page) -> None:
    """Wait for the heat map, which comes after the image that it lies on.

    The page's policy forbids what `wait_for_function` does in it, so it is asked again and again.
    """
    for _ in range(_PATIENCE // 1000):
        page.wait_for_timeout(1000)
        if page.evaluate("document.querySelector('#heat-map').naturalWidth > 0"):
            break
    page.wait_for_timeout(2000)


def _read_on(page: Page) -> Iterator[bytes]:
    """Agree with the model, sign, look at the next result, and weaken its heat map."""
    page.keyboard.press("a")
    yield _shot(page)
    item = page.url
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: url != item)
    _wait_for_images(page)
    yield _shot(page)
    for _ in range(3):
        page.keyboard.press("[")
    yield _shot(page)
    page.keyboard.press("h")
    yield _shot(page)


@contextmanager
def _signed_in(browser: Browser, made: Tour, name: str, scheme: str) -> Iterator[Page]:
    password = next(each.password for each in made.people if each.name == name)
    with _page(browser, scheme) as page:
        page.goto(made.node_url)
        page.get_by_label("Name").fill(name)
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_selector("main h1")
        yield page


@contextmanager
def _page(browser: Browser, scheme: str) -> Iterator[Page]:
    page = browser.new_page(
        viewport={"width": _SIZE["width"], "height": _SIZE["height"]},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    page.set_default_timeout(_PATIENCE)
    try:
        yield page
    finally:
        page.close()


@contextmanager
def _browser(executable: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(_OPTIONS), chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()


def _shot(page: Page) -> bytes:
    page.wait_for_load_state("load")
    page.wait_for_timeout(500)
    return page.screenshot(animations="disabled")


def _keep(picture: bytes, path: Path) -> None:
    """Write a picture as small as it has to be."""
    small = _small(picture, _SHOWN_WIDTH)
    for quality in (88, 80, 70, 60, 45):
        small.save(path, quality=quality, method=6)
        if path.stat().st_size < MOST_BYTES:
            break


def _keep_moving(pictures: list[bytes], path: Path) -> None:
    """Write an animation that begins anew at its end, as small as it has to be."""
    first, *others = (_small(each, _MOVING_WIDTH) for each in pictures)
    for quality in (80, 70, 60, 45):
        first.save(
            path, save_all=True, append_images=others, duration=_STANDS, loop=0, quality=quality,
            method=6,
        )  # fmt: skip
        if path.stat().st_size < MOST_MOVING:
            break


def _small(picture: bytes, width: int) -> Image.Image:
    with Image.open(io.BytesIO(picture)) as shown:
        small = shown.convert("RGB")
    small.thumbnail((width, width), Image.Resampling.LANCZOS)
    return small


if __name__ == "__main__":
    sys.exit(main())
