"""``make demo``: what a newcomer sees in the first five minutes."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from pydicom import dcmread

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.node.clock import utc_now
from tests.acceptance.running import CONFIG
from tests.peers.process import program

_LIMIT = 280


def _demo(
    results: Path, *arguments: Path | str, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run what ``make demo`` runs, with a wide terminal so that lines stay whole."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "dicom_node.demo", "--config", CONFIG),
            *("--results", results, *arguments),
        ],
        env={**os.environ, "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        timeout=_LIMIT,
        check=False,
    )


def _errors_of_dciodvfy(path: Path) -> list[str]:
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), path], capture_output=True, text=True, check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if "Error" in line]


def _save_chest(path: Path, **attributes: str) -> Path:
    made = make_radiograph(StudyUids.fresh(), utc_now(), ChestOptions(rows=625, columns=512))
    for keyword, value in attributes.items():
        setattr(made.dataset, keyword, value)
    made.dataset.save_as(path, enforce_file_format=True)
    return path


def test_the_demo_shows_findings_and_leaves_report_overlay_and_picture(tmp_path: Path) -> None:
    (tmp_path / "yesterday-report.dcm").touch()
    done = _demo(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("abnormal", "Probability", "Threshold", "synthetic", "not for clinical use"):
        assert words in done.stdout
    assert re.search(r"\d %", done.stdout)
    assert not (tmp_path / "yesterday-report.dcm").exists()
    report = tmp_path / "synthetic-chest-report.dcm"
    overlays = sorted(tmp_path.glob("synthetic-chest-overlay*.dcm"))
    pictures = sorted(tmp_path.glob("synthetic-chest-overlay*.png"))
    assert len(overlays) == len(pictures) >= 1
    for path in (report, *overlays):
        assert str(path) in done.stdout
        assert _errors_of_dciodvfy(path) == []
        assert dcmread(path).PatientID.startswith("SYNTHETIC")
    for picture in pictures:
        with Image.open(picture) as shown:
            assert min(shown.size) > 300


def test_the_users_own_files_are_analysed_or_it_is_said_why_not(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    _save_chest(folder / "a-chest.dcm")
    _save_chest(folder / "b-lateral.dcm", ViewPosition="LL")
    (folder / "c-notes.txt").write_text("no DICOM at all")
    _save_chest(folder / "d-hand.dcm", BodyPartExamined="HAND", AnatomicRegionSequence=None)
    # Whatever database the user's own node has, the demonstration keeps its hands off it.
    done = _demo(
        tmp_path / "out", folder, DICOM_NODE_DATABASE__URL="postgresql+psycopg://nobody@/nothing"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "not routed" in done.stdout
    assert "LL" in done.stdout
    assert "c-notes.txt" in done.stdout
    assert "synthetic[" not in done.stdout
    reports = sorted(path.name for path in (tmp_path / "out").glob("*report*.dcm"))
    assert reports == ["study-1-report.dcm", "study-2-report.dcm", "study-3-report.dcm"]
    told = dcmread(tmp_path / "out" / "study-2-report.dcm").to_json()
    assert "No model for this study" in told
    assert "remark" in done.stdout, "a chest that calls itself a hand is looked at, and it is said"
    assert "HAND" in done.stdout
    assert not list((tmp_path / "out" / "work").rglob("*chest*"))


@pytest.mark.parametrize("name", ["empty", "gone"])
def test_nothing_to_send_is_said_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    done = _demo(tmp_path / "out", tmp_path / name)
    assert done.returncode == 1
    assert "name a DICOM file, or a folder of them" in done.stderr
    assert "Traceback" not in done.stderr
