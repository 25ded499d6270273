"""A radiograph goes through the corridor by the web alone: STOW-RS in, STOW-RS out.

Real parts throughout: the node runs by its public command, Orthanc is the PACS.
"""

from pathlib import Path

import httpx
import pytest

from tests.acceptance.conftest import Hospital
from tests.peers.data import dicom_folder
from tests.peers.orthanc import PASSWORD, USER

pytestmark = pytest.mark.peer
_CHEST = "canon-dx-chest-pa-monochrome1-j2k.dcm"
_CLINIC, _ARCHIVE = "CLINIC", "WEBPACS"


def test_an_upload_is_analysed_and_its_results_reach_a_dicomweb_server(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node, pacs = shared_hospital.node, shared_hospital.pacs

    def ran(*words: str, said: str = "") -> str:
        done = node.run(*words, said=said)
        assert done.returncode == 0, done.stderr
        return done.stdout

    ran("ae", "add", _ARCHIVE, "--url", f"{pacs.url}/dicom-web", "--role", "pacs")
    ran("ae", "credential", _ARCHIVE, "--user", USER, said=f"{PASSWORD}\n")
    ran("ae", "add", _CLINIC, "--host", "127.0.0.1", "--port", "104", "--role", "modality",
        "--destination", _ARCHIVE, "--quiet-period", "0")  # fmt: skip
    password = "a quiet dark room"  # noqa: S105 - opens nothing but this test
    ran("users", "add", "olga", "--role", "operator", said=f"{password}\n{password}\n")
    issued = ran("users", "issue", "olga", "--for", "the clinic", "--scope", "upload",
                 "--ae-title", _CLINIC)  # fmt: skip
    token = issued.strip().splitlines()[-1]

    image = shared_hospital.fresh(dicom_folder("received") / _CHEST, tmp_path)
    answer = httpx.post(
        f"http://127.0.0.1:{node.web_port}/dicom-web/studies",
        content=image.read_bytes(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/dicom"},
    )
    assert answer.status_code == 200, answer.text

    reports, overlays = shared_hospital.wait_for_reports(destination=_ARCHIVE)
    assert (len(reports), len(overlays)) == (1, 1)
    assert ran("status", reports[0].StudyInstanceUID).count(_ARCHIVE) >= 1
