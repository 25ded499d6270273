"""OHIF over the node's own DICOMweb: what was stored by STOW-RS is listed, opened and drawn."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import Request, urlopen

import cv2
import numpy as np
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from playwright.sync_api import expect

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.demo.tour.viewer import Viewer
from dicom_node.domain.user import Permission
from tests.peers.chromium import chromium
from tests.peers.office import office_stores, serving
from tests.peers.ohif import DIST
from tests.unit.web.test_storing import Corridor

pytestmark = [pytest.mark.peer, pytest.mark.slow]
_STUDY = "1.2.826.0.1.3680043.9.1"
_PATIENCE = 60_000
_SHOWN = """() => window.cornerstone?.getEnabledElements().some(
    (each) => each.viewport.getImageData?.() && each.viewport.viewportStatus === 'rendered')"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeArchive:
    """The node's DICOMweb, asked with a token."""

    url: str
    token: str

    def fetch(self, path: str, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
        """GET with these headers; return status, content type and bytes."""
        request = Request(self.url + path, headers=dict(headers))  # noqa: S310 - loopback
        request.add_header("Authorization", f"Bearer {self.token}")
        with urlopen(request, timeout=30) as response:  # noqa: S310 - the same
            return response.status, response.headers["Content-Type"], bytes(response.read())


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[NodeArchive]:
    """A node with one radiograph, which came by STOW-RS."""
    with office_stores(tmp_path) as stores:
        stores.received.open()
        corridor = Corridor(stores)
        token = corridor.token(Permission.UPLOAD, Permission.IMAGES)
        uids = StudyUids(study=_STUDY, series=f"{_STUDY}.1", instance=f"{_STUDY}.1.1")
        taken_at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
        made = make_radiograph(uids, taken_at, ChestOptions(rows=700, columns=600)).dataset
        made.preamble = bytes(128)  # without, the client sends no file
        with serving(corridor.application) as url:
            session = requests.Session()
            session.headers["Authorization"] = f"Bearer {token}"
            DICOMwebClient(f"{url}/dicom-web", session=session).store_instances([made])
            yield NodeArchive(url=url, token=token)


def test_ohif_lists_opens_and_draws_what_the_node_holds(
    archive: NodeArchive, tmp_path: Path
) -> None:
    if not DIST.is_dir():
        pytest.skip("OHIF is not installed (npm package @ohif/app: see .ci/run)")
    folder = Path(os.environ.get("DICOM_NODE_SCREENSHOTS", tmp_path))
    with Viewer(archive, DIST) as viewer, chromium(draws=True) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(_PATIENCE)
        page.goto(viewer.url)
        expect(page.get_by_text("SYNTHETIC-0001").first).to_be_visible(timeout=_PATIENCE)
        page.screenshot(path=folder / "ohif-list.png")
        page.goto(f"{viewer.url}/viewer?StudyInstanceUIDs={_STUDY}")
        page.wait_for_function(_SHOWN)
        page.screenshot(path=folder / "ohif-study.png")
        page.locator(".viewport-element").first.screenshot(path=folder / "ohif-image.png")
        page.close()
    drawn = np.asarray(cv2.imread(str(folder / "ohif-image.png"), cv2.IMREAD_GRAYSCALE))
    assert drawn.std() > 20, "a chest is neither black nor of one grey"
