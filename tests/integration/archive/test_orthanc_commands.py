"""`dicom-node orthanc`: a real Orthanc's studies reach real receivers, and results reach it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.uid import Comprehensive3DSRStorage, generate_uid
from typer.testing import CliRunner

from dicom_node.archive.change_cursor import ChangeCursor
from dicom_node.archive.errors import ArchiveError, RemoteArchiveError
from dicom_node.archive.orthanc import OrthancArchive
from dicom_node.cli.application import application
from dicom_node.configuration.peer_credentials import Credential, Credentials
from dicom_node.domain.application_entity import ApplicationEntity, Role
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.job import Job
from dicom_node.errors import ConfigurationError, NodeError, NotFoundError
from dicom_node.network.events import InstanceReceived
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.node import AE_TITLE, MODALITY, Reception
from tests.peers.objects import make_dataset, write_part10
from tests.peers.office import CONFIG
from tests.peers.orthanc import PASSWORD, USER, Orthanc
from tests.peers.process import free_port, wait_until
from tests.peers.reading_room import settings_in
from tests.schema import give_schemas
from tests.unit.builders import an_instance

pytestmark = pytest.mark.peer
Run = Callable[..., str]


@pytest.fixture
def stores(tmp_path: Path, plain_orthanc: Orthanc) -> Iterator[Repositories]:
    """A node that knows the Orthanc, and what opens it."""
    repositories = Repositories(settings_in(tmp_path))
    give_schemas(repositories)
    repositories.evidence.open()
    entity = ApplicationEntity(
        title=MODALITY,
        host="127.0.0.1",
        port=plain_orthanc.peer.port,
        roles=frozenset({Role.MODALITY, Role.PACS}),
    )
    repositories.ae_titles.put(entity, actor="test", at=utc_now())
    Credentials(tmp_path).put(MODALITY, Credential(user=USER, secret=PASSWORD))
    yield repositories
    repositories.close()


@pytest.fixture
def run(stores: Repositories, plain_orthanc: Orthanc, reception: Reception) -> Run:
    """Run the command; a known error is raised as it is."""

    def running(*words: str, url: str = plain_orthanc.url, port: int = reception.pool.port) -> str:
        environment = {
            "DICOM_NODE_DATA_DIR": str(stores.settings.data_dir),
            "DICOM_NODE_NETWORK__PORT": str(port),
            "DICOM_NODE_NETWORK__AE_TITLE": AE_TITLE,
        }
        command = ["--config", str(CONFIG), "orthanc", *words, "--url", url]
        done = CliRunner().invoke(application, command, env=environment)
        if isinstance(done.exception, NodeError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return running


def uploaded(pacs: Orthanc, folder: Path, **attributes: str) -> str:
    """Give the Orthanc a study of two images; return its UID once it is stable."""
    study = str(generate_uid())
    for _ in range(2):
        uid = str(generate_uid())
        dataset = make_dataset(StudyInstanceUID=study, SOPInstanceUID=uid, **attributes)
        pacs.upload(write_part10(folder / f"{uid}.dcm", dataset))
    query = {"Level": "Study", "Query": {"StudyInstanceUID": study}, "Expand": True}
    wait_until(lambda: pacs.post("/tools/find", query)[0]["IsStable"], "the study to be stable")
    return study


def received(reception: Reception, study: str) -> int:
    """How many objects of a study have arrived."""
    return sum(
        each.instance.study_instance_uid == study and each.instance.calling_ae == MODALITY
        for each in reception.recorder.of(InstanceReceived)
    )


def test_the_change_feed_is_read_on_from_where_it_was_left(
    run: Run, plain_orthanc: Orthanc, reception: Reception, tmp_path: Path
) -> None:
    old = uploaded(plain_orthanc, tmp_path)
    assert "0 studies were new" in run("pull", MODALITY, "--from-now")
    new = uploaded(plain_orthanc, tmp_path)
    assert "2 of 2 objects handed over" in run("pull", MODALITY)
    reception.recorder.wait_for(InstanceReceived, 2)
    assert (received(reception, old), received(reception, new)) == (0, 2)
    assert "0 studies were new" in run("pull", MODALITY)
    assert received(reception, new) == 2


def test_a_study_counts_as_pulled_only_when_the_node_has_it(
    run: Run, plain_orthanc: Orthanc, reception: Reception, tmp_path: Path
) -> None:
    run("pull", MODALITY, "--from-now")
    study = uploaded(plain_orthanc, tmp_path)
    with pytest.raises(NodeError):
        run("pull", MODALITY, port=free_port())
    assert received(reception, study) == 0
    run("pull", MODALITY)
    reception.recorder.wait_for(InstanceReceived, 2)
    assert received(reception, study) == 2


def test_studies_are_pulled_by_a_query(
    run: Run, plain_orthanc: Orthanc, reception: Reception, tmp_path: Path
) -> None:
    study = uploaded(plain_orthanc, tmp_path, PatientID="P-1313")
    uploaded(plain_orthanc, tmp_path, PatientID="P-1314")
    assert "1 studies match" in run("pull", MODALITY, "--query", "PatientID=P-1313")
    reception.recorder.wait_for(InstanceReceived, 2)
    assert received(reception, study) == 2
    assert "0 studies match" in run("pull", MODALITY, "--query", "PatientID=NOBODY")
    with pytest.raises(ConfigurationError, match="KEYWORD=VALUE"):
        run("pull", MODALITY, "--query", "PatientID")


def test_results_are_pushed_and_the_study_says_so(
    run: Run, stores: Repositories, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    study = uploaded(plain_orthanc, tmp_path)
    with pytest.raises(NotFoundError, match="no results"):
        run("push", MODALITY, study)
    stores.index.record([an_instance("1.2.3", study_instance_uid=study)])
    job = Job(
        job_id="1" * 32,
        study_instance_uid=study,
        revision=1,
        route="chest-radiograph",
        model=FAKE_MODEL,
        sop_instance_uids=("1.2.3",),
        destinations=(),
    )
    stores.hotbase.add_job(job, at=utc_now())
    uid = str(generate_uid())
    report = make_dataset(
        StudyInstanceUID=study, SOPInstanceUID=uid, SOPClassUID=Comprehensive3DSRStorage
    )
    evidence = EvidenceObject(
        sop_instance_uid=uid,
        sop_class_uid=Comprehensive3DSRStorage,
        series_instance_uid=report.SeriesInstanceUID,
        kind=EvidenceKind.SR,
        job_id=job.job_id,
        path=stores.objects.keep(report),
    )
    overlay = replace(evidence, sop_instance_uid=f"{uid}.1", kind=EvidenceKind.SC, path="")
    stores.hotbase.keep_evidence([evidence, overlay])
    assert "Not sent: sc (removed here since)" in run("push", MODALITY, study)
    assert uid in plain_orthanc.instances()
    with OrthancArchive(plain_orthanc.url, USER, PASSWORD) as remote:
        (found,) = remote.find({"StudyInstanceUID": study})
        assert remote.mark_of(found) == f"{AE_TITLE}: sr"
    said = run("pull", MODALITY, "--query", f"StudyInstanceUID={study}")
    assert "2 of 2 objects handed over" in said, "the node's own result is left there"


def test_a_password_that_is_wrong_and_an_orthanc_that_is_none_are_said(
    run: Run, stores: Repositories, reception: Reception
) -> None:
    with pytest.raises(RemoteArchiveError):
        run("pull", MODALITY, url=f"http://127.0.0.1:{reception.pool.port}")
    Credentials(stores.settings.data_dir).put(MODALITY, Credential(user=USER, secret=USER))
    with pytest.raises(RemoteArchiveError, match="401"):
        run("pull", MODALITY)
    with pytest.raises(RemoteArchiveError):
        run("pull", MODALITY, url=f"http://127.0.0.1:{free_port()}")


def test_a_feed_of_another_orthanc_and_a_damaged_cursor_are_told_apart(
    run: Run, stores: Repositories, plain_orthanc: Orthanc
) -> None:
    folder = stores.settings.data_dir / "orthanc"
    ChangeCursor(folder, plain_orthanc.url).move(10**9)
    with pytest.raises(ConfigurationError, match="another Orthanc"):
        run("pull", MODALITY)
    (path,) = folder.iterdir()
    assert json.loads(path.read_text())["last"] == 10**9
    path.write_text("{")
    with pytest.raises(ArchiveError, match="remove it"):
        run("pull", MODALITY)
