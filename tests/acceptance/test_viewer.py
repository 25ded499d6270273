"""OHIF in a real browser, over a real Orthanc, shows the overlay and draws what the objects say.

Where the drawing must be is worked out here from the objects alone: a viewer shows an image as
large as it fits, in the middle. Screenshots stay in the test's output folder.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import BrowserContext, Page
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from ai_engine.prediction import Prediction, Refusal, RefusalReason
from dicom_node.demo.phantom.chest import BITS, ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import store
from sr_templates.measurement_report import build_measurement_report
from sr_templates.presentation_state import build_presentation_state
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation
from sr_templates.subject import image_subjects
from sr_templates.tracked_regions import tracked_regions
from tests.peers.chromium import chromium
from tests.peers.ohif import ohif
from tests.peers.orthanc import Orthanc, orthanc
from tests.unit.sr_templates.builders import (
    IMAGE,
    STUDY,
    a_context,
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)

pytestmark = pytest.mark.peer

ROWS, COLUMNS = 1000, 820
CT_STUDY = f"{STUDY}.77"
HEALTHY_STUDY = f"{STUDY}.78"
_SHOWN = """() => window.cornerstone?.getEnabledElements().some(
    (each) => each.viewport.getImageData?.() && each.viewport.viewportStatus === 'rendered')"""
# OHIF replaces its viewport while it starts and for some series: one of them, alone for a second.
_SETTLED = """() => {
    const shown = document.querySelectorAll('.viewport-element');
    const only = shown.length === 1 ? shown[0] : null;
    if (only === null || window.settling?.viewport !== only) {
        window.settling = { viewport: only, since: performance.now() };
    }
    return only !== null && performance.now() - window.settling.since > 1000;
}"""
Picture = npt.NDArray[np.uint8]


def _radiograph(study: str = STUDY, image: str = IMAGE) -> Dataset:
    uids = StudyUids(study=study, series=f"{study}.1", instance=image)
    taken_at = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    return make_radiograph(uids, taken_at, ChestOptions(rows=ROWS, columns=COLUMNS)).dataset


def _prediction() -> Prediction:
    heat_map = a_heat_map((0.3, 0.35), rows=ROWS, columns=COLUMNS)
    return a_prediction(an_image(a_finding(heat_map=heat_map), a_negative()))


def _slice(number: int) -> Dataset:
    """One slice of a CT in a frame of reference, grey throughout."""
    source = a_source(
        SOPClassUID=CTImageStorage,
        StudyInstanceUID=CT_STUDY,
        SeriesInstanceUID=f"{CT_STUDY}.1",
        SOPInstanceUID=f"{CT_STUDY}.1.{number}",
        Modality="CT",
        SeriesDescription="Synthetic CT",
        SeriesNumber="1",
        InstanceNumber=str(number),
        FrameOfReferenceUID=f"{CT_STUDY}.9",
        ImagePositionPatient=["-100", "-80", str(2 * number)],
        ImageOrientationPatient=["1", "0", "0", "0", "1", "0"],
        PixelSpacing=["0.8", "0.8"],
        ImagerPixelSpacing=None,
        SliceThickness="2",
        PatientOrientation=["L", "P"],
        RescaleSlope="1",
        RescaleIntercept="0",
        WindowCenter="0",
        WindowWidth="400",
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=16,
        BitsStored=12,
        HighBit=11,
        PixelRepresentation=1,
    )
    source.PixelData = np.full((source.Rows, source.Columns), -100, "<i2").tobytes()
    source["PixelData"].VR = "OW"
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return source


def _of_a_healthy_chest() -> Iterator[Dataset]:
    """One image of a study is analysed without a finding, and another model refuses it."""
    chest = _radiograph(HEALTHY_STUDY, f"{HEALTHY_STUDY}.1.1")
    uid = str(chest.SOPInstanceUID)
    nothing = a_prediction(an_image(a_negative(), uid=uid))
    refusal = Refusal(sop_instance_uid=uid, reason=RefusalReason.TOO_SMALL, detail="64 by 64")
    refused = Prediction(model=a_model(name="refusing"), images=(), refusals=(refusal,))
    yield chest
    for number, prediction in enumerate((nothing, refused), start=1):
        report = build_measurement_report(prediction, [chest], a_context())
        report.SeriesDescription = f"AI report {number}"
        yield report


def _store(pacs: Orthanc, objects: list[Dataset], folder: Path) -> None:
    folder.mkdir()
    numbers = count()
    paths = [folder / f"{next(numbers)}.dcm" for _ in objects]
    for each, path in zip(objects, paths, strict=True):
        each.save_as(path, enforce_file_format=True)
    peer = Destination(ae_title=pacs.peer.ae_title, host=pacs.peer.host, port=pacs.peer.port)
    assert all(outcome.stored for outcome in store(paths, peer))


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """OHIF over an Orthanc that holds a radiograph and a CT with their results."""

    url: str
    browser: BrowserContext
    folder: Path

    @contextmanager
    def study(self, study_instance_uid: str) -> Iterator[Page]:
        """Open a study and wait for its first image."""
        page = self.browser.new_page()
        page.set_default_timeout(60_000)
        page.goto(f"{self.url}/viewer?StudyInstanceUIDs={study_instance_uid}")
        page.wait_for_function(_SHOWN)
        yield page
        page.close()

    def picture(self, page: Page, name: str) -> Picture:
        """Photograph the viewport; the file stays beside the test's other output."""
        path = self.folder / f"{name}.png"
        page.wait_for_function(_SETTLED)
        page.locator(".viewport-element").screenshot(path=path)
        return np.asarray(cv2.imread(str(path)), dtype=np.uint8)


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """Both studies and what the node makes of them, in OHIF."""
    folder = tmp_path_factory.mktemp("viewer")
    chest, prediction, context = _radiograph(), _prediction(), a_context()
    pixels = (chest.pixel_array / (2**BITS - 1)).astype(np.float32)
    slices = [_slice(number) for number in (1, 2, 3)]
    in_ct = a_prediction(an_image(uid=slices[1].SOPInstanceUID))
    with orthanc(folder / "pacs") as pacs, ohif(pacs) as url, chromium(draws=True) as browser:
        layers = [
            *build_overlays(prediction, chest, pixels, context),
            *build_segmentation(prediction, chest, context),
            *build_presentation_state(prediction, chest, context),
        ]
        objects = [
            chest,
            build_measurement_report(prediction, [chest], context, companions=layers),
            *layers,
            *slices,
            *build_segmentation(in_ct, slices[1], context),
        ]
        _store(pacs, [*objects, *_of_a_healthy_chest()], folder / "objects")
        session = browser.new_context(viewport={"width": 1280, "height": 860})
        # The tour for newcomers would lie over the images.
        session.add_init_script("localStorage.setItem('shownTours', '[\"basicViewerTour\"]')")
        yield Viewer(url=url, browser=session, folder=folder)


def _open_series(page: Page, description: str) -> None:
    page.get_by_text(description).first.dblclick()


def _wait_for_regions(page: Page) -> None:
    """OHIF draws regions with the next frame that it has a reason to draw: give it one."""
    page.wait_for_function(
        "() => { cornerstone.getRenderingEngines().forEach((each) => each.render());"
        " return document.querySelector('svg.svg-layer polyline') !== null; }",
        polling=500,
    )


def _in_viewport(
    points: npt.NDArray[np.float64], picture: Picture, shape: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """Where a viewer shows points (x, y) of an image, ``shape`` rows by columns, that it fits."""
    rows, columns = shape
    height, width = picture.shape[:2]
    scale = min(height / rows, width / columns)
    middle = np.array([width / 2, height / 2])
    return (points - np.array([columns / 2, rows / 2])) * scale + middle


def test_the_overlay_is_shown_in_colour(viewer: Viewer) -> None:
    with viewer.study(STUDY) as page:
        _open_series(page, "AI overlay (research)")
        page.wait_for_function(
            "(image) => cornerstone.getEnabledElements()"
            ".map((each) => each.viewport.getCurrentImageId?.())"
            ".some((shown) => shown && !shown.includes(image))",
            arg=IMAGE,
        )
        page.wait_for_function(_SHOWN)
        page.wait_for_timeout(1000)
        picture = viewer.picture(page, "overlay").astype(int)
    blue, green, red = np.moveaxis(picture, 2, 0)
    top = picture.shape[0] // 6
    # The warning's band is at the top, and the heat map below it is not grey.
    assert ((red > 200) & (green > 150) & (blue < 80))[:top].mean() > 0.1
    assert (abs(red - blue) > 60)[top:].mean() > 0.01


def test_the_reports_region_is_drawn_at_the_right_pixels_with_the_findings_name(
    viewer: Viewer,
) -> None:
    with viewer.study(STUDY) as page:
        before = viewer.picture(page, "radiograph")
        # OHIF draws no segmentation of a projection and no presentation state. That somebody tries
        # must not take its page down: the report is opened afterwards.
        for series in ("AI regions (research)", "AI outlines (research)"):
            _open_series(page, series)
            page.wait_for_timeout(1000)
        _open_series(page, "AI report (research)")
        page.wait_for_function(
            "() => cornerstoneTools.annotation.state.getAllAnnotations()"
            ".some((each) => each.metadata.toolName === 'DICOMSRDisplay')"
        )
        _wait_for_regions(page)
        after = viewer.picture(page, "report")
        drawn = page.locator("svg.svg-layer polyline").get_attribute("points") or ""
        words = page.locator("svg.svg-layer text").first.text_content() or ""

    (region,) = tracked_regions(next(image_subjects(_prediction(), _radiograph())))
    expected = _in_viewport(region.points, after, (ROWS, COLUMNS))
    vertices = np.array(re.findall(r"[-.\d]+", drawn), dtype=float).reshape(-1, 2)
    assert np.abs(vertices - expected).max() < 1.5
    assert "Probability of pneumonia: 87.30 %" in words
    # The same in what a person sees: green dashes along the whole outline.
    green = after[:, :, 1].astype(int) - after[:, :, 2]
    green[(before[:, :, 1].astype(int) - before[:, :, 2]) > 60] = 0
    near = cv2.dilate((green > 60).astype(np.uint8), np.ones((9, 9), np.uint8))
    along = np.rint(expected).astype(int)
    assert near[along[:, 1], along[:, 0]].mean() > 0.95


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ("AI report 1", "no finding above threshold"),
        ("AI report 2", "No result: 1 image not analysed"),
    ],
)
def test_a_report_without_a_region_is_shown_in_words(
    viewer: Viewer, series: str, words: str
) -> None:
    with viewer.study(HEALTHY_STUDY) as page:
        _open_series(page, series)
        impression = page.get_by_text("Impression:").locator("..")
        impression.wait_for()
        page.screenshot(path=viewer.folder / f"{series}.png")
        assert words in (impression.text_content() or "")
        # Each statement stands on a line of its own, behind its name.
        assert page.get_by_text("Language of Content Item and Descendants:").is_visible()


def test_a_segmentation_in_a_plane_is_drawn_at_the_right_pixels(viewer: Viewer) -> None:
    with viewer.study(CT_STUDY) as page:
        _open_series(page, "AI regions (research)")
        page.get_by_text("Do you want to open this Segmentation?").wait_for()
        page.wait_for_timeout(1000)
        picture = viewer.picture(page, "segmentation")
    source = _slice(2)
    prediction = a_prediction(an_image(uid=source.SOPInstanceUID))
    (region,) = tracked_regions(next(image_subjects(prediction, source)))
    expected = _in_viewport(region.points, picture, (source.Rows, source.Columns))
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(expected).astype(np.int32)], [1])
    coloured = (picture.max(axis=2).astype(int) - picture.min(axis=2)) > 25
    core = cv2.erode(inside, np.ones((9, 9), np.uint8)).astype(bool)
    edge = cv2.dilate(inside, np.ones((13, 13), np.uint8)).astype(bool)
    around = cv2.dilate(inside, np.ones((61, 61), np.uint8)).astype(bool) & ~edge
    assert coloured[core].mean() > 0.98
    assert coloured[around].mean() < 0.02
