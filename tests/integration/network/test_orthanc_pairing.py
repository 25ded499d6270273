"""A real Orthanc with exactly the files of ``orthanc/``: forwards once, and never in a circle."""

import base64
import functools
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage, generate_uid

from dicom_node.domain.reception import AssociationEnd
from dicom_node.network.access import Operation, StaticAccess
from dicom_node.network.associations import Destination
from dicom_node.network.events import AssociationClosed, InstanceReceived
from dicom_node.network.storage_scu import echo, store
from tests.peers import dcmtk, node, orthanc
from tests.peers.node import AE_TITLE, Reception
from tests.peers.objects import make_dataset, write_part10
from tests.peers.process import answers, free_port, wait_until

pytestmark = pytest.mark.peer
PACS = "ORTHANC"
NUMBERS = count(1)
CONFIGURATIONS = ("orthanc.json", "orthanc-python.json")
ACCESS = functools.partial(StaticAccess, {PACS: frozenset(Operation)})


@dataclass(frozen=True, slots=True)
class Study:
    """A study of one test, in an Orthanc that may be shared with other tests."""

    pacs: orthanc.Orthanc
    folder: Path
    uid: str

    def file(self, **attributes: object) -> Path:
        number = next(NUMBERS)
        dataset = make_dataset(number, StudyInstanceUID=self.uid, **attributes)
        return write_part10(self.folder / f"{number}.dcm", dataset)

    def upload(self, **attributes: object) -> str:
        path = self.file(**attributes)
        self.pacs.upload(path)
        return f"1.2.826.0.1.3680043.2.1.{path.stem}"

    def wait_for(self, reception: Reception, expected: int) -> list[str]:
        """Wait until the node has so many instances of the study, and return those it has."""
        recorder = reception.recorder
        with recorder.changed:
            if not recorder.changed.wait_for(lambda: len(self.received(reception)) >= expected, 30):
                pytest.fail(f"{len(self.received(reception))} of {expected} instances forwarded")
        return self.received(reception)

    def received(self, reception: Reception) -> list[str]:
        return [
            event.instance.sop_instance_uid
            for event in reception.recorder.of(InstanceReceived)
            if event.instance.study_instance_uid == self.uid
        ]


def wait_until_settled(pacs: orthanc.Orthanc) -> None:
    def settled() -> bool:
        studies, jobs = pacs.get("/studies?expand"), pacs.get("/jobs?expand")
        ended = all(job["State"] in ("Success", "Failure") for job in jobs)
        return ended and all(study["IsStable"] for study in studies)

    wait_until(settled, "Orthanc's studies to be stable and its jobs to have ended")


@pytest.fixture(scope="module")
def reception(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reception]:
    with node.reception(tmp_path_factory.mktemp("node"), access=ACCESS) as running:
        yield running


@pytest.fixture(scope="module", params=CONFIGURATIONS)
def configuration(request: pytest.FixtureRequest) -> str:
    """Which script forwards: Lua, or Python where Orthanc has that plug-in."""
    return str(request.param)


@pytest.fixture(scope="module")
def pacs(
    configuration: str, reception: Reception, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[orthanc.Orthanc]:
    folder = tmp_path_factory.mktemp("pacs")
    with orthanc.orthanc(
        folder, node=reception.peer, ae_title=PACS, configuration=configuration
    ) as running:
        yield running


@pytest.fixture
def study(pacs: orthanc.Orthanc, tmp_path: Path) -> Study:
    return Study(pacs=pacs, folder=tmp_path, uid=str(generate_uid()))


def test_a_stable_study_is_forwarded_once_and_a_late_image_alone(
    reception: Reception, study: Study
) -> None:
    first = [study.upload() for _ in range(2)]
    assert sorted(study.wait_for(reception, 2)) == sorted(first)
    wait_until_settled(study.pacs)

    late = study.upload()

    assert study.wait_for(reception, 3)[2:] == [late]
    wait_until_settled(study.pacs)
    assert len(study.received(reception)) == 3
    reasons = {event.ended.end for event in reception.recorder.of(AssociationClosed)}
    assert reasons == {AssociationEnd.RELEASED}


def test_results_that_the_node_returns_are_not_sent_back(
    reception: Reception, study: Study
) -> None:
    image = study.upload()
    study.wait_for(reception, 1)
    wait_until_settled(study.pacs)

    (outcome,) = store(
        [study.file(SOPClassUID=SecondaryCaptureImageStorage)],
        Destination(ae_title=PACS, host="127.0.0.1", port=study.pacs.peer.port),
        calling_ae=AE_TITLE,
    )
    assert outcome.stored
    assert outcome.sop_instance_uid in study.pacs.instances()
    later = study.upload()
    study.wait_for(reception, 2)
    wait_until_settled(study.pacs)

    assert study.received(reception) == [image, later]
    query = {"Level": "Study", "Query": {"StudyInstanceUID": study.uid}}
    (found,) = study.pacs.post("/tools/find", query)
    said = study.pacs.request("GET", f"/studies/{found}/metadata/ResultOfNode").decode()
    assert said == AE_TITLE, "whoever looks at the study in Orthanc sees that there is a result"


def test_an_algorithms_result_from_elsewhere_is_not_forwarded(
    reception: Reception, study: Study
) -> None:
    purpose, equipment = Dataset(), Dataset()
    purpose.CodeValue, purpose.CodingSchemeDesignator = "109102", "DCM"
    purpose.CodeMeaning = "Processing Equipment"
    equipment.PurposeOfReferenceCodeSequence = [purpose]
    equipment.Manufacturer = "some maker"
    for sop_class in (ComprehensiveSRStorage, SecondaryCaptureImageStorage):
        study.upload(SOPClassUID=sop_class, ContributingEquipmentSequence=[equipment])
    image = study.upload()
    scanned = study.upload(SOPClassUID=SecondaryCaptureImageStorage)

    study.wait_for(reception, 2)
    wait_until_settled(study.pacs)

    assert sorted(study.received(reception)) == sorted([image, scanned])


def test_the_node_is_known_and_strangers_are_not(pacs: orthanc.Orthanc) -> None:
    peer = Destination(ae_title=PACS, host="127.0.0.1", port=pacs.peer.port)

    assert echo(peer, calling_ae=AE_TITLE) > 0
    assert dcmtk.echoscu(pacs.peer, calling="STRANGER").returncode != 0
    other = dcmtk.Peer(ae_title="OTHER", port=pacs.peer.port)
    assert dcmtk.echoscu(other, calling=AE_TITLE).returncode != 0


def test_nothing_is_served_without_the_password(pacs: orthanc.Orthanc) -> None:
    with pytest.raises(HTTPError, match="401"):
        urlopen(f"{pacs.url}/system", timeout=10)  # noqa: S310  # loopback


@pytest.mark.parametrize(("password", "status"), [("", 403), (orthanc.PASSWORD, 200)])
def test_other_machines_are_not_answered_while_there_is_no_password(
    tmp_path: Path, configuration: str, password: str, status: int
) -> None:
    """All of 127.0.0.0/8 is this machine, but only 127.0.0.1 is let in without a password."""
    settings = {"PACS_REMOTE_ACCESS": "true", "PACS_PASSWORD": password}
    with orthanc.orthanc(
        tmp_path,
        environment=settings,
        configuration=configuration,
        ready=lambda server: answers(server.http_port),
    ) as open_to_all:
        connection = HTTPConnection(
            "127.0.0.1", open_to_all.http_port, timeout=10, source_address=("127.0.0.2", 0)
        )
        with closing(connection):
            credentials = base64.b64encode(f"{orthanc.USER}:{password}".encode()).decode()
            connection.request("GET", "/system", headers={"Authorization": f"Basic {credentials}"})
            assert connection.getresponse().status == status


def test_the_dicomweb_plugin_serves_what_was_stored(study: Study) -> None:
    sop_instance = study.upload()

    (found,) = study.pacs.get(f"/dicom-web/studies/{study.uid}/instances")

    assert found["00080018"]["Value"] == [sop_instance]


def test_both_configurations_are_one_but_for_the_script() -> None:
    lua, python = (
        (orthanc.CONFIGURATION / each).read_text(encoding="utf-8").splitlines()
        for each in CONFIGURATIONS
    )
    about_scripts = re.compile(r"Script|Plugins|libOrthanc|PythonVerbose|^  \],?$|^  //")
    assert [each for each in lua if not about_scripts.search(each)] == [
        each for each in python if not about_scripts.search(each)
    ]


def test_what_the_node_missed_is_sent_with_the_next_study(
    tmp_path: Path, configuration: str
) -> None:
    away = dcmtk.Peer(ae_title=AE_TITLE, port=free_port())
    with orthanc.orthanc(
        tmp_path / "pacs", node=away, ae_title=PACS, configuration=configuration
    ) as pacs:
        missed, following = (
            Study(pacs=pacs, folder=tmp_path, uid=str(generate_uid())) for _ in range(2)
        )
        sent = missed.upload()
        wait_until(
            lambda: [job["State"] for job in pacs.get("/jobs?expand")] == ["Failure"],
            "the forwarding to fail",
        )
        with node.reception(tmp_path / "node", access=ACCESS, port=away.port) as running:
            next_one = following.upload()

            assert following.wait_for(running, 1) == [next_one]
            assert missed.wait_for(running, 1) == [sent]
            wait_until_settled(pacs)
            assert missed.received(running) == [sent]
