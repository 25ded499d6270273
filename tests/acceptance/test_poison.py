"""One bad object costs one study: the node lives, others go on, and the PACS is told.

Real parts throughout: the node runs by its public command and receives by C-STORE. Only the decoder
of RLE is one that dies, hangs, panics or takes memory where an image asks for it; with its own
limits, the node must live with any.
"""

import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from pydicom import Dataset, dcmwrite
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless
from pynetdicom import AE, _config

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.study import StudyRecord, StudyState
from tests.acceptance.running import RunningNode, running_node
from tests.peers.objects import words_of
from tests.peers.scp import AnsweringScp, answering_scp
from tests.unit.ai_engine.odd_images import put, rle, stream, words

pytestmark = pytest.mark.peer

CODEC = Path(__file__).with_name("hostile_codec")
ROOT = Path(__file__).parents[2]
DEADLINE = 5
DEPTH = 3000
NODE_BYTES = 700 * 2**20  # of the node's own process, whatever is sent to it
SR = "1.2.840.10008.5.1.4.1.1.88.34"


def chest() -> Dataset:
    return make_radiograph(
        StudyUids.fresh(), datetime.now(UTC), ChestOptions(rows=625, columns=512)
    ).dataset


def healthy() -> Dataset:
    """A radiograph in RLE, which the hostile decoder reads like any other."""
    dataset = chest()
    stream(rle(), RLELossless)(dataset)
    return dataset


def asking_for(what: str) -> Dataset:
    """An RLE image whose decoder does something."""
    dataset = chest()
    mark = f"!{what}!{what}!"
    stream(rle() + mark.encode().rjust(24, b"\0"), RLELossless)(dataset)
    return dataset


def rle_of_1600_million_pixels() -> Dataset:
    dataset = chest()
    stream(rle() * 80, RLELossless)(dataset)
    put("Rows", words(40000))(dataset)
    put("Columns", words(40000))(dataset)
    return dataset


def deflated_zeros() -> Dataset:
    dataset = chest()
    dataset.PixelData = bytes(200_000_000)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    return dataset


def nested_too_deep() -> bytes:
    """Sequences of undefined length in each other; pydicom would not write them."""
    item = struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)
    sequence = struct.pack("<HH2sHL", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)
    ends = struct.pack("<HHLHHL", 0xFFFE, 0xE00D, 0, 0xFFFE, 0xE0DD, 0)
    plain = part10(chest())
    place = plain.index(struct.pack("<HH", 0x7FE0, 0x0010))
    return plain[:place] + (sequence + item) * DEPTH + ends * DEPTH + plain[place:]


def part10(dataset: Dataset) -> bytes:
    encoded = BytesIO()
    dcmwrite(encoded, dataset, enforce_file_format=True)
    return encoded.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A node with a hostile decoder, and the PACS that gets its results."""

    node: RunningNode
    pacs: AnsweringScp
    noted: Path

    def send(self, made: Dataset | bytes) -> str:
        """Store an object, its bytes as they are; return its study."""
        path = self.noted.parent / "sent.dcm"
        path.write_bytes(made if isinstance(made, bytes) else part10(made))
        with path.open("rb") as file:
            header = read_partial(file, lambda tag, _vr, _length: tag > Tag("SeriesInstanceUID"))
        modality = AE(ae_title="DX1")
        modality.add_requested_context(header.SOPClassUID, header.file_meta.TransferSyntaxUID)
        association = modality.associate(
            "127.0.0.1", self.node.peer.port, ae_title=self.node.peer.ae_title, max_pdu=0
        )
        status = association.send_c_store(path)
        association.release()
        assert status.get("Status") == 0x0000, "it is acknowledged like any other"
        return str(header.StudyInstanceUID)

    def attempts(self, what: str) -> int:
        """How often an image's decoder was called."""
        noted = self.noted / what
        return len(noted.read_text()) if noted.exists() else 0

    def report(self, study: str) -> Dataset:
        """Wait for the report on a study in the PACS."""

        def found() -> Dataset | None:
            for encoded in tuple(self.pacs.received):
                each = read_dataset(DicomBytesIO(encoded), False, True)
                if each.SOPClassUID == SR and each.StudyInstanceUID == study:
                    return each
            return None

        return self.node.wait_for(f"the report on {study}", found)

    def main_bytes(self) -> int:
        """Resident memory of the node's own process."""
        assert self.node.process is not None
        return int(psutil.Process(self.node.process.pid).memory_info().rss)


@pytest.fixture(scope="module", autouse=True)
def bytes_as_they_are() -> Iterator[None]:
    """Let pynetdicom send files without reading them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
        yield


@contextmanager
def ward(folder: Path) -> Iterator[Ward]:
    noted = folder / "noted"
    noted.mkdir()
    with (
        running_node(
            folder / "node",
            PYTHONPATH=f"{CODEC}:{ROOT}",
            HOSTILE_CODEC=str(noted),
            DICOM_NODE_WORKERS__COUNT="2",
            DICOM_NODE_WORKERS__DEADLINE=str(DEADLINE),
            DICOM_NODE_WORKERS__DEADLINE_PER_OBJECT="0",
        ) as node,
        answering_scp(ae_title="PACS") as pacs,
    ):
        node.add_ae("PACS", pacs.peer.port, "pacs")
        node.add_ae("DX1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start()
        made = Ward(node=node, pacs=pacs, noted=noted)
        made.report(made.send(healthy()))  # until the workers are warm
        yield made


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    with ward(tmp_path_factory.mktemp("ward")) as made:
        yield made


def settled(hospital: Ward, study: str) -> StudyRecord:
    record = hospital.node.settled(study)
    assert hospital.main_bytes() < NODE_BYTES
    return record


@pytest.mark.parametrize(
    ("make", "words_"),
    [
        (rle_of_1600_million_pixels, "Image is too large"),
        (deflated_zeros, "Image is too large"),
        (nested_too_deep, ""),
        (lambda: asking_for("devour"), "Pixel data cannot be decoded"),
    ],
    ids=["RLE of 40000 x 40000", "200 MB of zeros", "too deep", "memory"],
)
def test_what_can_be_told_before_is_refused_by_name(
    hospital: Ward, make: Callable[[], Dataset | bytes], words_: str
) -> None:
    study = hospital.send(make())
    assert settled(hospital, study).state in {StudyState.ANALYSED, StudyState.FAILED}
    report = hospital.report(study)
    assert words_ in words_of(report)
    assert hospital.attempts("devour") <= 2


@pytest.mark.parametrize("what", ["crash", "panic"])
def test_what_kills_a_worker_is_tried_twice_and_has_failed(hospital: Ward, what: str) -> None:
    study = hospital.send(asking_for(what))
    record = settled(hospital, study)
    assert record.state is StudyState.FAILED
    assert "begun 2 times" in record.reason
    assert hospital.attempts(what) == 2
    assert "Analysis failed" in words_of(hospital.report(study))


def test_others_are_analysed_while_one_hangs(hospital: Ward) -> None:
    stuck = hospital.send(asking_for("hang"))
    hospital.node.wait_for("the worker to hang", lambda: hospital.attempts("hang") == 1)
    started = time.monotonic()
    others = [hospital.send(healthy()) for _ in range(2)]
    for each in others:
        assert hospital.node.settled(each).state is StudyState.ANALYSED
        hospital.report(each)
    print(f"two studies beside one that hangs: {time.monotonic() - started:.1f} s")
    record = settled(hospital, stuck)
    assert record.state is StudyState.FAILED
    assert f"took longer than {DEADLINE} seconds" in record.reason
    assert hospital.attempts("hang") == 2
    assert "Analysis failed" in words_of(hospital.report(stuck))


@pytest.mark.long
def test_a_restart_in_the_midst_gives_no_third_attempt(tmp_path: Path) -> None:
    with ward(tmp_path) as made:
        study = made.send(asking_for("hang"))
        made.node.wait_for("the second attempt", lambda: made.attempts("hang") == 2)
        made.node.kill()
        made.node.start()
        assert made.node.settled(study).state is StudyState.FAILED
        made.report(study)
        assert made.attempts("hang") == 2
        assert made.node.run("retry", study).returncode == 0
        made.node.wait_for("another attempt, asked for", lambda: made.attempts("hang") > 2)
        assert made.node.settled(made.send(healthy())).state is StudyState.ANALYSED
