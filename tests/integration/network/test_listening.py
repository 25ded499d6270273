"""What a node does first: it answers and stores, while nothing else of it is there yet."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.archive.reading import iter_objects
from dicom_node.archive.storage import StorageArchive
from dicom_node.configuration.settings import NodeSettings
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.network.associations import Destination
from dicom_node.network.events import InstanceReceived, ReceptionEvent
from dicom_node.network.storage_scu import echo, store
from dicom_node.node.archive_settings import archive_settings
from dicom_node.node.clock import utc_now
from dicom_node.node.listening import Listening
from tests.peers.process import free_port, wait_until

ENTRY = '[[ae]]\ntitle = "DX1"\nhost = "127.0.0.1"\nport = 104\nroles = ["modality"]\n'


@pytest.fixture
def settings(tmp_path: Path) -> NodeSettings:
    network = {"ae_title": "AINODE", "host": "127.0.0.1", "port": free_port(), "receivers": 1}
    return NodeSettings.model_validate({"data_dir": tmp_path / "data", "network": network})


@pytest.fixture
def listening(settings: NodeSettings, tmp_path: Path) -> Iterator[Listening]:
    (tmp_path / "ae_titles.toml").write_text(ENTRY)
    made = Listening(settings, tmp_path)
    made.start()
    yield made
    made.stop()
    made.leave()


def stored_by(settings: NodeSettings, folder: Path) -> str:
    """Send a radiograph; return its SOP Instance UID."""
    made = make_radiograph(
        StudyUids.fresh(), utc_now(), ChestOptions(rows=250, columns=200)
    ).dataset
    path = folder / "image.dcm"
    made.save_as(path, enforce_file_format=True)
    outcomes = store([path], node_of(settings), calling_ae="DX1")
    assert [each.stored for each in outcomes] == [True]
    return str(made.SOPInstanceUID)


def node_of(settings: NodeSettings) -> Destination:
    return Destination(ae_title="AINODE", host="127.0.0.1", port=settings.network.port)


def test_callers_are_answered_and_nothing_of_theirs_is_lost(
    listening: Listening, settings: NodeSettings, tmp_path: Path
) -> None:
    echo(node_of(settings), calling_ae="DX1")
    sent = stored_by(settings, tmp_path)
    told: list[ReceptionEvent] = []
    listening.hand_over(told.extend)

    def received() -> list[str]:
        found = [each for each in told if isinstance(each, InstanceReceived)]
        return [each.instance.sop_instance_uid for each in found]

    wait_until(lambda: received() == [sent], "the node to be told what came before it was there")


def test_what_came_before_a_node_that_never_was_is_in_the_archive(
    listening: Listening, settings: NodeSettings, tmp_path: Path
) -> None:
    sent = stored_by(settings, tmp_path)
    listening.stop()
    archive = StorageArchive(archive_settings(settings))
    assert [each.sop_instance_uid for each in iter_objects(archive, None)] == [sent]
