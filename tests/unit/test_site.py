"""The documentation builds as a site, strictly, with reference pages from the code."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_MOST_BYTES = 150_000
_ELSEWHERE = re.compile(r"""<(?:script|img|link)[^>]*(?:src|href)=["']?(https?:|//)""")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--site-dir", folder],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("reference/commands.html", "dicom-node notify test"),
        ("reference/rest.html", "/api/v1/notifications/channels"),
        ("reference/conformance.html", "AINODE"),
        ("settings.html", "DICOM_NODE_NOTIFICATIONS__URGENT"),
        ("adr/0001-durable-execution-on-dbos.html", "DBOS"),
    ],
)
def test_pages_say_what_the_code_has(site: Path, page: str, words: str) -> None:
    assert words in (site / page).read_text(encoding="utf-8")


def test_a_page_fetches_nothing_from_elsewhere(site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    assert not [page.name for page in pages if _ELSEWHERE.search(page.read_text(encoding="utf-8"))]


def test_pictures_are_small() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    assert len(pictures) >= 4
    assert all(each.stat().st_size < _MOST_BYTES for each in pictures)
