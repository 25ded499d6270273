"""Health tells the truth, and what to do."""

import errno
import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import pytest

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.commitment import CommitmentRequest, Reference
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.health import Severity, status_of
from dicom_node.domain.study import StudyState
from dicom_node.node import disks
from dicom_node.node.disk_watch import DiskWatch
from dicom_node.node.disks import disk_problems
from dicom_node.node.health import (
    RunningParts,
    running_problems,
    standing_problems,
)
from dicom_node.node.repositories import Repositories
from sr_templates.evidence_kind import EvidenceKind
from tests.peers.process import wait_until
from tests.schema import give_schemas
from tests.unit.builders import EPOCH, STUDY, an_instance
from tests.unit.persistence.test_hotbase import JOB

pytestmark = pytest.mark.slow


class Usage(NamedTuple):
    """What a disk says of itself."""

    total: int
    used: int
    free: int


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    return NodeSettings(data_dir=tmp_path)


@pytest.fixture
def repositories(settings: NodeSettings) -> Iterator[Repositories]:
    made = Repositories(settings)
    give_schemas(made)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("free", "severities"),
    [(0, ["failing"]), (1 << 29, ["failing"]), (3 << 29, ["degraded"]), (1 << 32, [])],
)
def test_a_disk_without_room_is_a_problem_before_it_is_full(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch, free: int, severities: list[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(1 << 40, 0, free))
    assert [each.severity.value for each in disk_problems(settings)] == severities


def test_an_archive_that_is_gone_is_a_failing_node(settings: NodeSettings) -> None:
    assert list(disk_problems(settings)) == [], "nothing has been made yet"
    kinds = [each.about for each in disk_problems(settings, has_begun=True)]
    assert kinds == [str(settings.archive_dir), str(settings.evidence_dir)]
    settings.archive_dir.mkdir()
    (gone,) = disk_problems(settings)
    assert gone.severity.value == "failing"
    assert str(settings.evidence_dir) in gone.words
    settings.evidence_dir.mkdir()
    assert list(disk_problems(settings, has_begun=True)) == []
    elsewhere = settings.model_copy(update={"shared_dir": str(settings.data_dir / "unmounted")})
    assert [each.about for each in disk_problems(elsewhere)] == [elsewhere.shared_dir]


@pytest.mark.parametrize(
    ("name", "severities"),
    [("archive", ["failing"]), ("evidence", ["degraded"]), ("databases", ["degraded"])],
)
def test_each_disk_is_looked_at_wherever_a_share_is_mounted(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch, name: str, severities: list[str]
) -> None:
    """Archive, results and databases may lie on disks of their own: none stands for another."""
    short = settings.data_dir / name
    for folder in (settings.archive_dir, settings.evidence_dir, settings.data_dir / "databases"):
        folder.mkdir()
    database = settings.database.model_copy(
        update={"url": f"sqlite:///{settings.data_dir / 'databases' / 'hotbase.sqlite'}"}
    )
    apart = settings.model_copy(update={"database": database})
    stat = Path.stat

    def devices(path: Path, *, follow_symlinks: bool = True) -> Any:
        found = stat(path, follow_symlinks=follow_symlinks)
        return SimpleNamespace(st_dev=-1, st_mode=found.st_mode) if path == short else found

    monkeypatch.setattr(Path, "stat", devices)
    monkeypatch.setattr(
        shutil,
        "disk_usage",
        lambda folder: Usage(1 << 40, 0, 1 << 29 if folder == short else 1 << 40),
    )
    found = list(disk_problems(apart, has_begun=True))
    assert [(each.about, each.severity.value) for each in found] == [
        (str(short), severity) for severity in severities
    ]


@pytest.mark.parametrize(
    ("name", "consequence"),
    [("archive", "studies are refused"), ("evidence", "waits"), ("", "waits")],
)
def test_a_folder_that_takes_no_file_is_a_failing_node(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch, name: str, consequence: str
) -> None:
    """A file system that has stopped after an error still says that it may be written."""
    for folder in (settings.archive_dir, settings.evidence_dir):
        folder.mkdir()
    stopped = settings.data_dir / name

    def open_in(dir: Path, **_options: object) -> Any:  # noqa: A002 - as the library calls it
        if dir == stopped:
            raise OSError(errno.EROFS, "Read-only file system")
        return BytesIO()

    monkeypatch.setattr(disks, "TemporaryFile", open_in)
    (found,) = disk_problems(settings, has_begun=True)
    assert (found.about, found.severity) == (str(stopped), Severity.FAILING)
    assert f"{stopped} cannot be written (Read-only file system): " in found.words
    assert found.words.endswith(consequence)


def test_a_share_that_does_not_answer_is_not_waited_for_by_all_who_ask(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them would hold one of the threads that serve pages, until there are none."""
    for folder in (settings.archive_dir, settings.evidence_dir):
        folder.mkdir()
    answers = threading.Event()
    asked: list[Path] = []

    def open_in(dir: Path, **_options: object) -> Any:  # noqa: A002 - as the library calls it
        asked.append(dir)
        assert dir != settings.evidence_dir or answers.wait(30)
        return BytesIO()

    monkeypatch.setattr(disks, "TemporaryFile", open_in)
    watch = DiskWatch(settings, patience=0.2)
    for _ in range(3):
        (found,) = watch.problems()
        assert found.severity is Severity.FAILING
        assert found.words == f"{settings.evidence_dir} cannot be reached (Connection timed out)"
    assert asked.count(settings.evidence_dir) == 1
    answers.set()
    wait_until(lambda: watch.problems() == (), "the share to answer")
    assert watch.problems() == ()
    assert asked.count(settings.evidence_dir) > 1, "it is looked at anew"


def test_what_looks_at_disks_says_what_it_finds(settings: NodeSettings) -> None:
    watch = DiskWatch(settings, patience=30)
    found = watch.problems()
    assert [each.about for each in found] == [str(settings.archive_dir), str(settings.evidence_dir)]
    assert found == tuple(disk_problems(settings, has_begun=True))
    settings.archive_dir.mkdir()
    assert [each.about for each in watch.problems()] == [str(settings.evidence_dir)]


def test_one_folder_is_written_once_and_says_the_worst_that_comes_of_it(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Databases may lie beside the images: what then comes of it is that studies are refused."""
    for folder in (settings.archive_dir, settings.evidence_dir):
        folder.mkdir()
    url = f"sqlite:///{settings.archive_dir / 'hotbase.sqlite'}"
    database = settings.database.model_copy(update={"url": url})
    asked: list[Path] = []

    def open_in(dir: Path, **_options: object) -> Any:  # noqa: A002 - as the library calls it
        asked.append(dir)
        if dir == settings.archive_dir:
            raise OSError(errno.EROFS, "Read-only file system")
        return BytesIO()

    monkeypatch.setattr(disks, "TemporaryFile", open_in)
    (found,) = disk_problems(settings.model_copy(update={"database": database}))
    assert found.words.endswith("studies are refused")
    assert sorted(asked) == sorted(set(asked))


def test_a_disk_that_does_not_say_how_full_it_is_leaves_the_rest_to_be_said(
    settings: NodeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.archive_dir.mkdir()

    def usage(folder: Path) -> Usage:
        raise OSError(errno.EIO, "Input/output error", str(folder))

    monkeypatch.setattr(shutil, "disk_usage", usage)
    (found,) = disk_problems(settings)
    assert found.about == str(settings.evidence_dir)


def test_failed_stuck_and_given_up_degrade_the_health_and_say_what_to_do(
    settings: NodeSettings, repositories: Repositories
) -> None:
    assert list(standing_problems(settings, repositories)) == []
    repositories.index.record([an_instance("1.1")])
    repositories.hotbase.add_job(JOB, at=EPOCH)
    made = repositories.deliveries.plan(JOB.job_id, "PACS", at=EPOCH)
    repositories.deliveries.hold("PACS", "cannot be reached", at=EPOCH)
    repositories.deliveries.move(made.delivery_id, DeliveryState.FAILED, at=EPOCH)
    found = {each.kind: each for each in standing_problems(settings, repositories)}
    assert set(found) == {"stuck studies", "destination down", "given-up deliveries"}
    assert status_of(found.values()) == "degraded"
    assert "dicom-node deliveries retry PACS" in str(found["given-up deliveries"])
    study = repositories.index.claim(STUDY, by="w", at=EPOCH)
    assert study is not None
    repositories.index.finish(study, StudyState.FAILED, "no model")
    kinds = [each.kind for each in standing_problems(settings, repositories)]
    assert kinds[0] == "failed studies"


def test_a_study_of_several_patients_on_which_nobody_decides_degrades_the_health(
    settings: NodeSettings, repositories: Repositories
) -> None:
    repositories.index.record([an_instance("1.1")])
    study = repositories.index.claim(STUDY, by="w", at=EPOCH)
    assert study is not None
    repositories.index.finish(study, StudyState.UNDECIDED, "two patients")
    (found,) = standing_problems(settings, repositories)
    assert (found.kind, found.count) == ("undecided studies", 1)
    assert "dicom-node studies undecided" in str(found)


def test_results_that_are_held_back_degrade_the_health(
    settings: NodeSettings, repositories: Repositories
) -> None:
    repositories.index.record([an_instance("1.1")])
    repositories.hotbase.add_job(JOB, at=EPOCH)
    held = EvidenceObject(
        sop_instance_uid="1.2",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
        series_instance_uid="1.3",
        kind=EvidenceKind.SR,
        job_id=JOB.job_id,
        path="held.dcm",
        problems=("no value",),
    )
    repositories.hotbase.keep_evidence([held])
    found = [
        each for each in standing_problems(settings, repositories) if each.kind == "held results"
    ]
    assert [(each.count, each.severity) for each in found] == [(1, Severity.DEGRADED)]
    assert "1 result" in str(found[0])
    assert "dicom-node evidence held" in str(found[0])


def test_a_database_that_is_away_is_a_failing_node(
    settings: NodeSettings, repositories: Repositories
) -> None:
    (settings.data_dir / "hotbase.sqlite").unlink()
    repositories.engine.dispose()
    (found,) = standing_problems(settings, repositories)
    assert (found.kind, found.severity) == ("database", Severity.FAILING)


def test_a_certificate_that_cannot_be_used_is_told(
    settings: NodeSettings, repositories: Repositories
) -> None:
    tls = settings.tls.model_copy(update={"certificate": "absent.pem"})
    half = settings.model_copy(update={"tls": tls})
    assert [each.kind for each in standing_problems(half, repositories)] == ["certificate"]


def test_a_running_node_tells_of_receivers_models_place_and_outages() -> None:
    well = RunningParts(
        receivers_ready=lambda: True,
        place_held=lambda: True,
        unloaded_models=dict,
        services_away=dict,
        workers_down=lambda: 0,
        lasting_outage=lambda: (0, 0.0, ""),
    )
    assert list(running_problems(well)) == []
    ill = RunningParts(
        receivers_ready=lambda: False,
        place_held=lambda: False,
        unloaded_models=lambda: {"chest": "weights are missing"},
        services_away=lambda: {
            "nodules": "service nodules at http://triton:8000: cannot be reached"
        },
        workers_down=lambda: 1,
        lasting_outage=lambda: (1, 60.0, "OperationalError"),
    )
    found = list(running_problems(ill))
    assert [each.kind for each in found] == [
        "receivers",
        "place",
        "model",
        "service",
        "workers",
        "outage",
    ]
    assert all(each.advice for each in found)
    assert "chest is not loaded: weights are missing" in str(found[2])
    assert "nodules cannot be asked: service nodules at http://triton:8000" in str(found[3])
    assert found[4].words == "1 worker process is not running"
    assert found[5].words.startswith("1 step waits since 60 s")


def test_a_result_that_nobody_could_be_told_degrades_the_health(
    settings: NodeSettings, repositories: Repositories
) -> None:
    requests = repositories.commitment_requests
    asked = CommitmentRequest(
        transaction_uid="1.2.3", references=(Reference(sop_class_uid="1.2", sop_instance_uid="1"),)
    )
    requests.record(asked, requestor="CT1", at=EPOCH)
    assert list(standing_problems(settings, repositories)) == []
    requests.give_up("1.2.3", "it does not listen", at=EPOCH)
    (problem,) = standing_problems(settings, repositories)
    assert (problem.kind, problem.about) == ("untold commitments", "CT1")
    assert problem.words == "CT1 could not be told the result of 1 storage commitment"
    assert "dicom-node ae set CT1" in problem.advice
    requests.collect(EPOCH + timedelta(days=30))
    assert list(standing_problems(settings, repositories)) == []
