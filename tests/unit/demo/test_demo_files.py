"""Which files a demonstration sends, and what it leaves behind."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from dicom_node.demo import results
from dicom_node.demo.errors import DemoError
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.study_files import by_study, files_below
from dicom_node.demo.synthetic import StudyUids, make_radiograph

pytestmark = pytest.mark.slow

TAKEN_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TINY = ChestOptions(rows=250, columns=200, with_lesion=False)


def _save(path: Path, study: str, instance: str) -> Path:
    uids = StudyUids(study=study, series=f"{study}.1", instance=instance)
    make_radiograph(uids, TAKEN_AT, TINY).dataset.save_as(path, enforce_file_format=True)
    return path


def test_a_file_is_itself_and_a_folder_is_all_files_below_it(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    first, second = tmp_path / "a", tmp_path / "deeper" / "b"
    for path in (first, second):
        path.touch()
    assert files_below(first) == (first,)
    assert files_below(tmp_path) == (first, second)


@pytest.mark.parametrize(("name", "why"), [("empty", "holds no files"), ("gone", "does not exist")])
def test_nothing_to_send_is_an_error_that_says_why(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DemoError, match=why):
        files_below(tmp_path / name)


def test_files_are_grouped_by_study_and_what_is_not_dicom_is_left_out(tmp_path: Path) -> None:
    one, two = (
        _save(tmp_path / "1", "2.25.7", "2.25.71"),
        _save(tmp_path / "2", "2.25.8", "2.25.81"),
    )
    late = _save(tmp_path / "3", "2.25.7", "2.25.72")
    page = tmp_path / "page.html"
    page.write_text("<html>" + " " * 200)
    assert by_study((one, two, late, page)) == {"2.25.7": (one, late), "2.25.8": (two,)}


def test_old_results_go_and_everything_else_stays(tmp_path: Path) -> None:
    kept = [tmp_path / "notes.txt", tmp_path / "work" / "data" / "cache" / "model.xml"]
    models = tmp_path / "elsewhere"
    models.mkdir()
    gone = [
        tmp_path / "old-report.dcm",
        tmp_path / "old-overlay.png",
        tmp_path / "work" / "data" / "hotbase.sqlite",
        tmp_path / "work" / "data" / "archive" / "image.dcm",
        tmp_path / "work" / "pacs" / "image.dcm",
    ]
    for path in kept + gone:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "work" / "data" / "models").symlink_to(models)
    results.clear(tmp_path)
    assert all(path.exists() for path in kept)
    assert not any(path.exists() for path in gone)
    assert models.is_dir()
