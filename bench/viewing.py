"""Milliseconds until the next study's pixels stand in a browser, with and without preloading.

Digital radiographs of 2500 by 2048 pixels, read by an expert in a headless Chromium (WebGL by the
processor alone) on the same machine. Measured in the page, from the key press that signs one study
to the second animation frame after the next one's image was drawn.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page
from rich.console import Console

from bench.rows import Row, as_table
from tests.peers.chromium import chromium
from tests.peers.reading_room import PASSWORD, ReadingRoom, reading_room

STUDIES, ROWS, LIMIT = 8, 2500, 500.0
_PATIENCE = 120_000
# Notes when a key was pressed and when an item's image was painted after it.
_WATCH = """
window.painted = [];
let pressed = 0;
document.addEventListener('keydown', (event) => {
  if (event.key === 'Enter') pressed = performance.now();
}, true);
document.addEventListener('DOMContentLoaded', () => {
  const stage = document.getElementById('stage');
  if (!stage) return;
  new MutationObserver(() => {
    if (!stage.dataset.shown) return;
    requestAnimationFrame(() => requestAnimationFrame(() => {
      window.painted.push([stage.dataset.shown, performance.now() - pressed, performance.now()]);
    }));
  }).observe(stage, { attributes: true, attributeFilter: ['data-shown'] });
});
"""
# Nothing is known of the next study: what the page would preload is not there.
_NO_PRELOADING = """
const fetched = window.fetch;
window.fetch = (address, options) => String(address).endsWith('/next')
  ? Promise.resolve(new Response('{"images": []}')) : fetched(address, options);
"""


def measure(studies: int = STUDIES) -> list[Row]:
    """Read studies one after the other, first with preloading and then without."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, chromium() as browser:
        rows = []
        for preloads in (True, False):
            place = Path(folder) / str(preloads)
            with reading_room(place, studies=[True] * studies, rows=ROWS) as room:
                first, following = _read(browser, room, preloads=preloads)
            rows += _rows(first, following, preloads=preloads)
    return rows


def _rows(first: float, following: list[float], *, preloads: bool) -> list[Row]:
    how = "preloaded while the one before is read" if preloads else "without preloading"
    condition = f"DX {ROWS}x{round(ROWS * 0.82)}, loopback, {len(following)} studies, {how}"
    worst = max(following)
    return [
        Row(
            name="Next study's first pixels, median",
            value=statistics.median(following),
            unit="ms",
            condition=f"{condition}; slowest {worst:.0f} ms; limit {LIMIT:.0f} ms",
        ),
        Row(
            name="First study of a session, from the page's start",
            value=first,
            unit="ms",
            condition=how,
        ),
    ]


def _read(browser: Browser, room: ReadingRoom, *, preloads: bool) -> tuple[float, list[float]]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(_PATIENCE)
    page.add_init_script(_WATCH if preloads else _WATCH + _NO_PRELOADING)
    page.goto(room.url)
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/worklist")
    page.keyboard.press("Enter")
    _wait_for(page, 1)
    for number in range(2, len(room.items) + 1):
        page.wait_for_function(
            "() => { const { shown, preloaded } = document.getElementById('stage').dataset;"
            " return shown === preloaded; }"
        )
        page.wait_for_timeout(300)  # somebody looks
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        _wait_for(page, number)
    painted = page.evaluate("window.painted")
    page.close()
    return painted[0][2], [each[1] for each in painted[1:]]


def _wait_for(page: Page, count: int) -> None:
    page.wait_for_function("(count) => window.painted?.length >= count", arg=count)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(prog="python -m bench.viewing", description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES, help="how many to read")
    Console().print(as_table(measure(parser.parse_args().studies)))


if __name__ == "__main__":
    main()
