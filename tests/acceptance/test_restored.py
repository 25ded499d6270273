"""The drill: a node at work is backed up, lost, and put back from the backup."""

from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.domain.study import StudyState
from tests.acceptance.running import RunningNode, running_node
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend, storescp

pytestmark = pytest.mark.peer
_SR = "1.2.840.10008.5.1.4.1.1.88.34"
_STUDIES = 4


def _studies(folder: Path, start: int) -> list[str]:
    """Write a chest radiograph under several Study Instance UIDs."""
    folder.mkdir()
    template = dcmread(dicom_folder("received") / "siim-cxr-pa-jpeg-baseline.dcm")
    made = []
    for number in range(start, start + _STUDIES):
        stem = f"1.2.826.0.1.3680043.8.498.77.{number}"
        template.StudyInstanceUID, template.SeriesInstanceUID = stem, f"{stem}.1"
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = f"{stem}.1.1"
        template.save_as(folder / f"{number}.dcm")
        made.append(stem)
    return made


def _send(node: RunningNode, folder: Path) -> None:
    sent = dcmsend(node.peer, [folder], calling="CR1")
    assert sent.returncode == 0, sent.stderr


def test_what_was_acknowledged_before_the_backup_is_reported_after_it_is_restored(
    tmp_path: Path,
) -> None:
    before, after = _studies(tmp_path / "before", 1), _studies(tmp_path / "after", 11)
    with (
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
        running_node(tmp_path / "lost") as lost,
    ):
        lost.add_ae("PACS", pacs.peer.port, "pacs")
        lost.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        lost.start()
        _send(lost, tmp_path / "before")
        backup = lost.run("backup", tmp_path / "backup")  # some are analysed, others wait
        assert backup.returncode == 0, backup.stdout + backup.stderr
        assert "AINODE" in lost.run("restore", "--check", tmp_path / "backup").stdout
        _send(lost, tmp_path / "after")
        lost.kill()

        with running_node(tmp_path / "restored") as restored:
            brought = restored.run("restore", tmp_path / "backup")
            assert brought.returncode == 0, brought.stdout + brought.stderr
            restored.start()
            for study in before:
                assert restored.settled(study).state is StudyState.ANALYSED
            restored.wait_for("all deliveries", restored.has_delivered)
            repositories = restored.repositories()
            known = {each.study_instance_uid for each in repositories.index.recent(100)}
            repositories.close()

        assert known == set(before)
        reports = [dcmread(path, stop_before_pixels=True) for path in pacs.files()]
        of_studies = [each.StudyInstanceUID for each in reports if each.SOPClassUID == _SR]
        # One object each: what was sent again has the same UIDs, and replaces itself.
        assert sorted(each for each in of_studies if each in before) == sorted(before)
        assert set(of_studies) <= set(before) | set(after)
        assert (tmp_path / "restored" / "data").stat().st_mode & 0o777 == 0o700
