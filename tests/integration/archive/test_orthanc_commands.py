"""`dicom-node orthanc`: a real Orthanc's studies reach real receivers, and results reach it."""

import json
import os
import subprocess
import sys
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
from tests.peers.rest_proxy import RestProxy, rest_proxy
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


def given_results(stores: Repositories, study: str, *, count: int = 1) -> set[str]:
    """Have the node hold reports of a study; return their UIDs."""
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
    made = {str(generate_uid()) for _ in range(count)}
    for uid in made:
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
        stores.hotbase.keep_evidence([evidence])
    return made


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
    assert "1 study matches" in run("pull", MODALITY, "--query", "PatientID=P-1313")
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
    (uid,) = given_results(stores, study)
    (evidence,) = stores.hotbase.evidence_of_study(study)
    overlay = replace(evidence, sop_instance_uid=f"{uid}.1", kind=EvidenceKind.SC, path="")
    stores.hotbase.keep_evidence([overlay])
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


@pytest.fixture
def proxy(plain_orthanc: Orthanc) -> Iterator[RestProxy]:
    """The Orthanc behind something that may stop in the midst."""
    with rest_proxy(plain_orthanc.url) as running:
        yield running


@pytest.fixture
def uploading(plain_orthanc: Orthanc, tmp_path: Path) -> Callable[[], str]:
    """Give the Orthanc, which has settled before, a study; return its UID once it is stable."""
    studies = lambda: plain_orthanc.get("/studies?expand")  # noqa: E731 - asked again and again
    wait_until(lambda: all(each["IsStable"] for each in studies()), "all studies to be stable")
    return lambda: uploaded(plain_orthanc, tmp_path)


def left_behind(stores: Repositories) -> list[Path]:
    """Return what pulls have left on the disk."""
    return list(stores.settings.data_dir.glob(".pulled.*"))


def test_a_pull_that_is_killed_goes_on_where_it_was_and_leaves_no_images_about(
    run: Run,
    proxy: RestProxy,
    stores: Repositories,
    uploading: Callable[[], str],
    reception: Reception,
) -> None:
    run("pull", MODALITY, "--from-now", url=proxy.url)
    first, second = uploading(), uploading()
    # The second study's second file never comes.
    proxy.holds = lambda _, path: path.endswith("/file") and proxy.count("GET", "/file") == 3
    words = ["--config", str(CONFIG), "orthanc", "pull", MODALITY, "--url", proxy.url]
    environment = {
        **os.environ,
        "DICOM_NODE_DATA_DIR": str(stores.settings.data_dir),
        "DICOM_NODE_NETWORK__PORT": str(reception.pool.port),
        "DICOM_NODE_NETWORK__AE_TITLE": AE_TITLE,
    }
    command = [sys.executable, "-m", "dicom_node.cli", *words]
    with subprocess.Popen(command, env=environment) as one:
        assert proxy.holding.wait(60.0)
        one.kill()
    wait_until(lambda: received(reception, first) == 2, "the first study")
    assert received(reception, second) == 0
    assert len(left_behind(stores)) == 1

    proxy.holds = lambda _method, _path: False
    said = run("pull", MODALITY, url=proxy.url)
    assert ("2 of 2 objects handed over" in said, "1 study was new" in said) == (True, True)
    wait_until(lambda: received(reception, second) == 2, "the second study")
    assert received(reception, first) == 2
    assert left_behind(stores) == []


def test_an_orthanc_that_goes_away_in_the_midst_is_pulled_from_again(
    run: Run,
    proxy: RestProxy,
    stores: Repositories,
    uploading: Callable[[], str],
    reception: Reception,
) -> None:
    run("pull", MODALITY, "--from-now", url=proxy.url)
    study = uploading()
    proxy.drops = lambda _, path: path.endswith("/file") and proxy.count("GET", "/file") == 1
    with pytest.raises(RemoteArchiveError):
        run("pull", MODALITY, url=proxy.url)
    assert received(reception, study) == 0, "half a study is no study"
    assert left_behind(stores) == []
    proxy.drops = lambda _method, _path: False
    assert "1 study was new" in run("pull", MODALITY, url=proxy.url)
    wait_until(lambda: received(reception, study) == 2, "the study")


def test_an_image_that_orthanc_lets_go_of_meanwhile_takes_no_other_with_it(
    run: Run,
    proxy: RestProxy,
    plain_orthanc: Orthanc,
    reception: Reception,
    tmp_path: Path,
) -> None:
    study = uploaded(plain_orthanc, tmp_path)
    gone = []

    def lets_go(_method: str, path: str) -> bool:
        if path.endswith("/file") and not gone:
            gone.append(path)
            plain_orthanc.request("DELETE", path.removesuffix("/file"))
        return False

    proxy.holds = lets_go
    said = run("pull", MODALITY, "--query", f"StudyInstanceUID={study}", url=proxy.url)
    assert "1 of 1 objects handed over" in said
    wait_until(lambda: received(reception, study) == 1, "the image that is left")


def test_a_push_that_breaks_off_marks_nothing_and_goes_whole_the_next_time(
    run: Run, proxy: RestProxy, stores: Repositories, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    study = uploaded(plain_orthanc, tmp_path)
    made = given_results(stores, study, count=2)
    proxy.drops = lambda method, _: method == "POST" and proxy.count("POST", "/instances") == 1
    with pytest.raises(RemoteArchiveError):
        run("push", MODALITY, study, url=proxy.url)
    assert len(made & set(plain_orthanc.instances())) == 1
    with OrthancArchive(plain_orthanc.url, USER, PASSWORD) as remote:
        (found,) = remote.find({"StudyInstanceUID": study})
        assert remote.mark_of(found) == ""
        proxy.drops = lambda _method, _path: False
        assert "2 objects are there" in run("push", MODALITY, study, url=proxy.url)
        assert remote.mark_of(found) == f"{AE_TITLE}: sr"
    assert made <= set(plain_orthanc.instances())
