"""A headless Chromium, driven by Playwright, as a user's browser is."""

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from tests.peers.process import program

# WebGL without a graphics card, and no shared memory limits of containers.
_OPTIONS = (
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
)

# Milliseconds that a page may take on a machine that does much else.
_PATIENCE = 30_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the machine's Chromium; skip the test where there is none."""
    executable = program("chromium", "chromium")
    expect.set_options(timeout=_PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable, args=list(_OPTIONS), chromium_sandbox=False
        )
        try:
            yield browser
        finally:
            browser.close()
