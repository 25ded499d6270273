"""A headless Chromium, driven by Playwright, as a user's browser is."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.peers.process import program

# WebGL without a graphics card: all of a page is then drawn by a GPU that is computed.
_DRAWING = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
)
_PLAIN = ("--disable-gpu",)
_OPTIONS = ("--disable-dev-shm-usage",)  # no shared memory limits of containers

# Milliseconds that a page may take on a machine that does much else.
_PATIENCE = 30_000


@contextmanager
def chromium(*, draws: bool = False) -> Iterator[Browser]:
    """Run the machine's Chromium, which ``draws`` by WebGL; skip the test where there is none."""
    # The one without any window of its own draws the same for a third of the processor time.
    executable = shutil.which("chromium-headless-shell") or program("chromium", "chromium")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable,
            args=[*_OPTIONS, *(_DRAWING if draws else _PLAIN)],
            chromium_sandbox=False,
        )
        try:
            yield browser
        finally:
            browser.close()


def keep_picture(page: Page, name: str, *, whole: bool = True) -> None:
    """Keep what a page looks like in the folder that DICOM_NODE_SCREENSHOTS names, if it is set.

    ``whole``: all of the page, and not what is in the window alone.
    """
    if folder := os.environ.get("DICOM_NODE_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)
