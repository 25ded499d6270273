"""OHIF in a real browser draws what a CT's report says, on the slices that it names."""

import re
from collections.abc import Iterator

import numpy as np
import pytest

from sr_templates.ct.measurement_report import build_ct_report
from sr_templates.ct.segmentation import build_ct_segmentation
from tests.acceptance.test_viewer import Viewer, _in_viewport, _open_series, _wait_for_regions
from tests.peers.chromium import chromium
from tests.peers.ohif import ohif
from tests.peers.orthanc import orthanc
from tests.unit.sr_templates.builders import a_context
from tests.unit.sr_templates_ct.builders import STUDY, a_study

pytestmark = pytest.mark.peer


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """A phantom's CT with its report and segmentation, in OHIF."""
    folder = tmp_path_factory.mktemp("viewer")
    study = a_study()
    for number, dataset in enumerate(study.datasets, start=1):
        dataset.InstanceNumber = number
        dataset.WindowCenter, dataset.WindowWidth = "-600", "1500"
    evidence = [
        build_ct_report(study.prediction, study.datasets, a_context(), segmented=True),
        *build_ct_segmentation(study.prediction, study.datasets, a_context()),
    ]
    with orthanc(folder / "pacs") as pacs, ohif(pacs) as url, chromium(draws=True) as browser:
        for number, each in enumerate([*study.datasets, *evidence]):
            path = folder / f"{number}.dcm"
            each.save_as(path, enforce_file_format=True)
            pacs.upload(path)
        session = browser.new_context(viewport={"width": 1280, "height": 860})
        session.add_init_script("localStorage.setItem('shownTours', '[\"basicViewerTour\"]')")
        yield Viewer(url=url, browser=session, folder=folder)


def test_every_group_of_a_ct_is_drawn_with_its_figures(viewer: Viewer) -> None:
    """Groups that refer to segments have no region of their own: OHIF must not stop at them."""
    failures: list[str] = []
    with viewer.study(STUDY) as page:
        page.on("pageerror", lambda error: failures.append(str(error)))
        _open_series(page, "AI report (research)")
        page.wait_for_function(
            "() => cornerstoneTools.annotation.state.getAllAnnotations()"
            ".filter((each) => each.metadata.toolName === 'DICOMSRDisplay').length === 4"
        )
        _wait_for_regions(page)
        picture = viewer.picture(page, "ct-report")
        drawn = page.locator("svg.svg-layer polyline").evaluate_all(
            "all => all.map((each) => each.getAttribute('points'))"
        )
        labels = page.evaluate(
            "() => cornerstoneTools.annotation.state.getAllAnnotations()"
            ".flatMap((each) => (each.data.labels ?? []).map((one) => one.label + one.value))"
        )
    assert failures == []
    analysis = a_study().prediction.analysis
    assert analysis is not None
    assert f"Volume{analysis.measurements[0].volume_ml:.2f} ml" in labels
    assert f"Inhomogeneity of right lung{analysis.measurements[0].percentage:.2f} %" in labels
    assert not [each for each in labels if re.search(r"[^\d] (%|ml)$", each)], "a blank number"
    rows, columns = analysis.geometry.shape[1:]
    expected = [
        _in_viewport(np.array(area.ring), picture, (rows, columns)) for area in analysis.outlines
    ]
    outlines = [
        np.array(re.findall(r"[-.\d]+", points), dtype=float).reshape(-1, 2) for points in drawn
    ]
    # OHIF takes whole numbers for the middle of a pixel, the Standard for its corner: half a pixel.
    tolerance = 0.75 * min(picture.shape[0] / rows, picture.shape[1] / columns)
    assert any(
        one.shape == other.shape and np.abs(one - other).max() < tolerance
        for one in expected
        for other in outlines
    ), [float(np.abs(a - b).max()) for a in expected for b in outlines if a.shape == b.shape]
