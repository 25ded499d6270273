"""Two whole nodes of one AE title: what each says of the other, and what passes between them.

Each was administered while it had another title, so that nothing refused the other as it was
entered. Nothing could tell the one's objects from the other's.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import (  # type: ignore[attr-defined]
    StudyRootQueryRetrieveInformationModelMove,
)

from tests.acceptance.conftest import MODALITY
from tests.acceptance.running import RunningNode, running_node
from tests.acceptance.test_corridor import CHEST
from tests.peers import commitment_scu
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend

pytestmark = [pytest.mark.peer, pytest.mark.long]

TITLE, BY_WEB = "AINODE", "OVERWEB"
_REFUSED = f"AE {TITLE} is this node itself, to which nothing is sent"
# Longer than a delivery, an analysis and a sweep: what would come back would have come by then.
_WHILE = 15.0
MOVE_DESTINATION_UNKNOWN = 0xA801


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[tuple[RunningNode, RunningNode]]:
    """Two nodes that send each other all their results, by DIMSE and by STOW-RS."""
    with ExitStack() as running:
        one, other = (running.enter_context(running_node(tmp_path / each)) for each in "ab")
        tokens = {id(each): _administered(each) for each in (one, other)}
        for node, peer in ((one, other), (other, one)):
            _acquaint(node, peer, tokens[id(peer)])
            node.start()
        yield one, other


def _administered(node: RunningNode) -> str:
    """Administer who sends to a node, as long as it has another title; return a token for it."""
    node.environment["DICOM_NODE_NETWORK__AE_TITLE"] = "FORMER"
    added = node.run(
        "users",
        "add",
        "admin",
        "--role",
        "admin",
        "--role",
        "operator",
        said="correct horse battery\n" * 2,
    )
    assert added.returncode == 0, added.stderr
    issued = node.ask(
        "users", "issue", "admin", "--for", "the other", "--scope", "upload", "--ae-title", "STOWS"
    )
    assert issued.returncode == 0, issued.stderr
    return issued.stdout.split()[-1]


def _acquaint(node: RunningNode, peer: RunningNode, token: str) -> None:
    to_both = ("--destination", TITLE, "--destination", BY_WEB, "--quiet-period", "0")
    roles = ("--role", "modality", "--role", "query", "--proof", "commitment")
    node.add_ae(TITLE, peer.peer.port, "pacs", *roles, *to_both)
    node.add_ae("STOWS", 104, "modality", *to_both)
    node.add_ae(MODALITY, 104, "modality", "--role", "query", *to_both)
    url = f"http://127.0.0.1:{peer.web_port}/dicom-web"
    added = node.ask("ae", "add", BY_WEB, "--url", url, "--role", "pacs")
    assert added.returncode == 0, added.stderr
    told = node.run("ae", "credential", BY_WEB, said=f"{token}\n{token}\n")
    assert told.returncode == 0, told.stderr
    del node.environment["DICOM_NODE_NETWORK__AE_TITLE"]


def test_nodes_of_one_title_refuse_each_other_clearly_and_pass_no_result_round(
    nodes: tuple[RunningNode, RunningNode], tmp_path: Path
) -> None:
    one, other = nodes
    image = _fresh(dicom_folder("received") / CHEST, tmp_path)
    assert dcmsend(one.peer, [tmp_path / "sent.dcm"], calling=MODALITY).returncode == 0
    one.settled(image.StudyInstanceUID)
    # Nothing is sent by DIMSE, and status says so; by STOW-RS, to another title, the results are.
    one.wait_for("the refusal to be said", lambda: _REFUSED in _status(one, image))
    other.settled(image.StudyInstanceUID)
    # A result alone, of a study that neither knows: what comes of it has nothing to be made of.
    result = _fresh(next((one.folder / "data" / "evidence").rglob("*.dcm")), tmp_path)
    assert dcmsend(one.peer, [tmp_path / "sent.dcm"], calling=MODALITY).returncode == 0
    one.settled(result.StudyInstanceUID)
    time.sleep(_WHILE)
    counts = [_objects(each) for each in nodes]
    time.sleep(_WHILE)
    assert [_objects(each) for each in nodes] == counts
    assert any(_REFUSED in each for each in one.health()["problems"])
    for command in ("echo", "probe"):
        assert one.run("ae", command, TITLE).returncode == 1
    assert _moved(one, image, TITLE) == MOVE_DESTINATION_UNKNOWN
    _asks_for_commitment(one, image)


def _asks_for_commitment(node: RunningNode, image: Dataset) -> None:
    """Have a third system of the title ask: it is answered, and the result goes to nobody."""
    with commitment_scu.asking(node.peer, TITLE) as association:
        wanted = commitment_scu.reference(image.SOPClassUID, image.SOPInstanceUID)
        status, _ = commitment_scu.ask(association, commitment_scu.request(wanted))
        assert status == 0x0000
    node.wait_for("this to be said", lambda: "commitment not told" in node.log.read_text())


def _fresh(source: Path, folder: Path) -> Dataset:
    dataset = dcmread(source)
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = generate_uid(), generate_uid()
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.save_as(folder / "sent.dcm")
    return dataset


def _status(node: RunningNode, image: Dataset) -> str:
    return " ".join(node.ask("status", image.StudyInstanceUID).stdout.split())


def _objects(node: RunningNode) -> tuple[int, int]:
    """Return how many objects a node has received, and how many it has made."""
    received, made = (node.folder / "data" / each for each in ("archive", "evidence"))
    return len(list(received.rglob("*.dcm"))), len(list(made.rglob("*.dcm")))


def _moved(node: RunningNode, image: Dataset, destination: str) -> int:
    query = Dataset()
    query.QueryRetrieveLevel = "STUDY"
    query.StudyInstanceUID = image.StudyInstanceUID
    entity = AE(ae_title=MODALITY)
    entity.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
    association = entity.associate("127.0.0.1", node.peer.port, ae_title=TITLE)
    answers = list(
        association.send_c_move(query, destination, StudyRootQueryRetrieveInformationModelMove)
    )
    association.release()
    return int(answers[-1][0].Status)
