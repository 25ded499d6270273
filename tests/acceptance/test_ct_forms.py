"""CTs that come in another form than plain slices: multi-frame, in several series, mixed."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from pathlib import Path

import pytest
from highdicom import UID
from highdicom.legacy import LegacyConvertedEnhancedCTImage
from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedCTImageStorage

from tests.acceptance.running import RunningNode
from tests.integration.sr_templates.validators import dciodvfy_errors, dsrdump_complaints
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend, storescp
from tests.peers.objects import words_of

pytestmark = [pytest.mark.peer, pytest.mark.long]

CT = "CT1"
LUNGS = {"right lung": 2244, "left lung": 1964}
"""ml of the series, in whatever form it comes."""


@pytest.fixture(scope="module")
def slices() -> list[Dataset]:
    """The low-dose series, decoded, from feet to head."""
    read = [dcmread(path) for path in sorted(dicom_folder("ct-nlst").glob("*.dcm"))]
    for each in read:
        each.decompress()
    return sorted(read, key=lambda each: float(each.ImagePositionPatient[2]))


def _legacy(slices: Sequence[Dataset]) -> list[Dataset]:
    return [
        LegacyConvertedEnhancedCTImage(
            slices,
            series_instance_uid=UID(),
            series_number=9,
            sop_instance_uid=UID(),
            instance_number=1,
        )
    ]


def _enhanced(slices: Sequence[Dataset]) -> list[Dataset]:
    """A legacy converted object made one of a scanner's: it states all that its frames share."""
    (whole,) = _legacy(slices)
    whole.SOPClassUID = whole.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    return [whole]


def _in_two_objects(slices: Sequence[Dataset]) -> list[Dataset]:
    parts = [*_legacy(slices[:70]), *_legacy(slices[70:])]
    parts[1].SeriesInstanceUID = parts[0].SeriesInstanceUID
    return parts


def _with_one_turned(slices: Sequence[Dataset]) -> list[Dataset]:
    changed = list(slices)
    changed[60] = deepcopy(changed[60])
    changed[60].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    return changed


def _by_two_kernels(slices: Sequence[Dataset]) -> list[Dataset]:
    second, series = [], UID()
    for each in slices:
        other = deepcopy(each)
        other.SeriesInstanceUID, other.SOPInstanceUID = series, UID()
        other.file_meta.MediaStorageSOPInstanceUID = other.SOPInstanceUID
        other.ConvolutionKernel = "B80f"
        second.append(other)
    return [*slices, *second]


def _written(datasets: Sequence[Dataset], folder: Path) -> list[Path]:
    folder.mkdir()
    paths = []
    for number, dataset in enumerate(datasets):
        paths.append(folder / f"{number}.dcm")
        dataset.save_as(paths[-1], enforce_file_format=True)
    return paths


def _with_one_sent_twice(slices: Sequence[Dataset]) -> list[Dataset]:
    other = deepcopy(slices[60])
    other.PixelData = bytes(len(other.PixelData))
    return [*slices, other]


Form = Callable[[Sequence[Dataset]], list[Dataset]]


def _results(node: RunningNode, folder: Path, objects: Sequence[Dataset]) -> dict[str, Dataset]:
    """What a PACS gets of a study, by modality; all of it is valid."""
    with storescp(folder / "pacs", ae_title="PACS") as pacs:
        node.add_ae("PACS", pacs.peer.port, "pacs", "--evidence", "sr,sc,seg,ko,pdf")
        node.add_ae(CT, 104, "modality", "--destination", "PACS", "--quiet-period", "3")
        dcmsend(node.peer, _written(objects, folder / "sent"), calling=CT)
        node.settled(str(objects[0].StudyInstanceUID))
        node.wait_for("all results", node.has_delivered)
        found = {path: dcmread(path) for path in pacs.files()}
        for path, result in found.items():
            assert dciodvfy_errors(path) == []
            if result.Modality == "SR":
                assert dsrdump_complaints(path) == []
    return {str(result.Modality): result for result in found.values()}


def _volumes(node: RunningNode, study: str) -> dict[str, float]:
    hotbase = node.repositories().hotbase
    (job,) = hotbase.jobs(study)
    rows = hotbase.measurements(job["job_id"])
    return {row["site"]: row["value"] for row in rows if row["name"] == "volume"}


@pytest.mark.parametrize(
    ("form", "said"),
    [
        (_legacy, "the only series of slices (143 axial slices 2 mm apart, lung kernel)"),
        (_enhanced, "the only series of slices (143 axial slices 2 mm apart, lung kernel)"),
        (_in_two_objects, "the only series of slices (143 axial slices 2 mm apart, lung kernel)"),
        (_by_two_kernels, "Not analysed: 143 images, another series was analysed"),
        (_with_one_sent_twice, "the only series of slices"),
    ],
)
def test_the_lungs_are_the_same_in_whatever_form_they_come(
    node: RunningNode, tmp_path: Path, slices: list[Dataset], form: Form, said: str
) -> None:
    objects = form(slices)
    results = _results(node, tmp_path, objects)
    assert set(results) == {"SR", "OT", "SEG", "DOC", "KO"}
    words = words_of(results["SR"])
    assert said in words
    assert "CT Chest" in words
    found = _volumes(node, str(objects[0].StudyInstanceUID))
    assert {site: found[site] for site in LUNGS} == pytest.approx(LUNGS, abs=10)


def test_a_series_with_one_slice_in_another_orientation_lacks_that_slice(
    node: RunningNode, tmp_path: Path, slices: list[Dataset]
) -> None:
    results = _results(node, tmp_path, _with_one_turned(slices))
    assert set(results) == {"SR"}
    words = words_of(results["SR"])
    assert "Not analysed, because slices are missing: about 1 after slice 82" in words
    assert "Not analysed, because too few slices" in words
