"""Studies that only the PACS has are fetched when somebody asks for their analysis."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.study import StudyState
from dicom_node.domain.wanted_study import WantedState
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.repositories import Repositories
from dicom_node.node.wanting import study_fetching
from dicom_node.ups.codes import code_sequence
from dicom_node.workflow.analysis.wanted import StudyFetching
from tests.peers.objects import make_dataset, write_part10
from tests.peers.orthanc import Orthanc
from tests.peers.process import free_port
from tests.unit.builders import EPOCH, an_entity, an_instance
from tests.unit.ups.requests import a_request

CONFIG = Path(__file__).parents[3] / "config"
STUDY, SERIES = "1.2.826.0.1.3680043.3.700", "1.2.826.0.1.3680043.3.700.1"
pytestmark = pytest.mark.peer


@dataclass(slots=True)
class Expecting:
    """Notes which studies would be analysed."""

    expected: list[str] = field(default_factory=list)

    def expect(self, study_instance_uid: str) -> None:
        """Note one."""
        self.expected.append(study_instance_uid)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A node that knows nothing yet, whose archive is an Orthanc."""

    repositories: Repositories
    workstations: Workstations
    fetching: StudyFetching
    expecting: Expecting

    def administer(self, host: str, port: int, title: str = "ORTHANC") -> None:
        entity = an_entity(title, host=host, port=port)
        self.repositories.ae_titles.put(entity, actor="t", at=EPOCH)

    def ask(self, study: str, uid: str) -> None:
        request = a_request(
            study, ScheduledWorkitemCodeSequence=code_sequence(("110004", "DCM", "CAD"))
        )
        self.workstations.steps.create(uid, request, requester="WS1")

    def state(self, uid: str) -> str:
        return str(self.workstations.steps.get(uid).ProcedureStepState)

    def wanted(self, study: str) -> WantedState | None:
        found = self.repositories.wanted.wanted(study)
        return found.state if found is not None else None


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    base = load_settings(CONFIG)
    retrieval = base.retrieval.model_copy(update={"archive": "ORTHANC"})
    settings: NodeSettings = base.model_copy(
        update={"data_dir": tmp_path / "data", "retrieval": retrieval}
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    repositories.received.open()
    expecting = Expecting()
    yield Site(
        repositories=repositories,
        workstations=Workstations(settings, repositories),
        fetching=study_fetching(settings, repositories, expecting),  # type: ignore[arg-type]
        expecting=expecting,
    )
    repositories.close()


def images() -> list[Dataset]:
    return [
        make_dataset(
            7000 + number, StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, PatientID="W1"
        )
        for number in (1, 2, 3)
    ]


def test_a_study_is_fetched_for_whoever_asks_for_its_analysis(
    site: Site, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    for number, each in enumerate(images()):
        plain_orthanc.upload(write_part10(tmp_path / f"{number}.dcm", each))
    peer = plain_orthanc.peer
    site.administer("127.0.0.1", free_port())
    site.ask(STUDY, "1.9.1")
    site.fetching.sweep()
    assert (site.state("1.9.1"), site.wanted(STUDY)) == ("IN PROGRESS", WantedState.WAITING)

    site.administer(peer.host, peer.port)
    site.repositories.wanted.postpone(STUDY, "", not_before=EPOCH)
    site.fetching.sweep()

    assert site.wanted(STUDY) is WantedState.FETCHED
    record = site.repositories.index.study(STUDY)
    assert (record.sender, record.instance_count) == ("WS1", 3)
    assert site.expecting.expected == [STUDY]
    assert site.state("1.9.1") == "IN PROGRESS"


def test_of_a_study_that_was_fetched_as_a_prior_the_rest_is_fetched_first(
    site: Site, plain_orthanc: Orthanc, tmp_path: Path
) -> None:
    for number, each in enumerate(images()):
        path = write_part10(tmp_path / f"{number}.dcm", each)
        plain_orthanc.upload(path)
        if not number:
            stored = site.repositories.received.store_part10(
                path.read_bytes(), calling_ae="ORTHANC", called_ae="AINODE", received_at=EPOCH
            )
            site.repositories.retrievals.begin(STUDY, "ORTHANC", Purpose.PRIOR, at=EPOCH)
            site.repositories.index.record([stored.instance])
            site.repositories.retrievals.end(STUDY, "ORTHANC", Purpose.PRIOR, until=EPOCH)
    assert site.repositories.index.study(STUDY).state is StudyState.PRIOR
    site.administer("127.0.0.1", free_port())
    site.ask(STUDY, "1.9.1")
    site.fetching.sweep()
    assert site.state("1.9.1") == "IN PROGRESS"
    assert site.repositories.index.study(STUDY).state is StudyState.PRIOR, "the rest lacks"

    site.administer(plain_orthanc.peer.host, plain_orthanc.peer.port)
    site.repositories.wanted.postpone(STUDY, "", not_before=EPOCH)
    site.fetching.sweep()
    record = site.repositories.index.study(STUDY)
    assert (record.state, record.sender) == (StudyState.RECEIVING, "WS1")
    assert record.instance_count == len(images())


def test_a_prior_of_which_the_rest_never_comes_is_canceled_and_one_that_is_whole_begins(
    site: Site,
) -> None:
    image = an_instance(f"{STUDY}.9", study_instance_uid=STUDY, path="p/9", calling_ae="ORTHANC")
    site.repositories.retrievals.begin(STUDY, "ORTHANC", Purpose.PRIOR, at=EPOCH)
    site.repositories.index.record([image])
    site.ask(STUDY, "1.9.1")
    assert site.state("1.9.1") == "IN PROGRESS"
    site.repositories.wanted.settle(STUDY, WantedState.FAILED, "ORTHANC has nothing of the study")
    assert site.state("1.9.1") == "CANCELED"
    site.workstations.steps.keep_locks()
    site.repositories.index.adopt(STUDY, sender="WS1")
    assert site.state("1.9.1") == "CANCELED", "written down"
    record = site.repositories.index.study(STUDY)
    assert (record.state, record.sender) == (StudyState.RECEIVING, "WS1")


def test_a_step_is_not_over_while_some_of_its_study_is_still_to_come(site: Site) -> None:
    site.ask(STUDY, "1.9.1")
    site.repositories.index.record(
        [an_instance(f"{STUDY}.9", study_instance_uid=STUDY, path="p/9")], sender="WS1"
    )
    claimed = site.repositories.index.claim(STUDY, by="workflow", at=EPOCH)
    assert claimed is not None
    site.repositories.index.finish(claimed, StudyState.ANALYSED)
    site.workstations.steps.keep_locks()
    assert site.state("1.9.1") == "IN PROGRESS"
    site.repositories.wanted.settle(STUDY, WantedState.FETCHED)
    assert site.state("1.9.1") == "COMPLETED"


def test_what_the_archive_does_not_have_is_canceled(site: Site, plain_orthanc: Orthanc) -> None:
    site.administer(plain_orthanc.peer.host, plain_orthanc.peer.port)
    site.ask("1.2.3.4.5.6", "1.9.2")
    assert site.state("1.9.2") == "IN PROGRESS"
    site.fetching.sweep()
    assert site.wanted("1.2.3.4.5.6") is WantedState.FAILED
    assert site.state("1.9.2") == "CANCELED"
    site.workstations.steps.keep_locks()  # which writes down what is over
    assert site.state("1.9.2") == "CANCELED"
