"""A worker decodes what pages show: as the plain way does, and what ends it ends one request."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import RLELossless

from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.decoding import DecodesHere
from dicom_node.dicomweb.errors import NotAcceptableError, NotNowError, UnknownResourceError
from dicom_node.dicomweb.rendered import PNG, Rendering
from dicom_node.node.viewing import Viewing
from tests.peers.objects import make_dataset
from tests.peers.process import wait_until
from tests.unit.dicomweb.test_retrieving import Folder

PLAIN = DecodesHere()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Folder(tmp_path_factory.mktemp("images")).add(make_dataset(1), RLELossless).path


@pytest.fixture(scope="module")
def viewing() -> Iterator[Viewing]:
    made = Viewing(NodeSettings(), seconds=10, patience=600)
    yield made
    made.stop()


@pytest.mark.slow
def test_it_shows_what_the_plain_way_shows(viewing: Viewing, image: Path) -> None:
    assert viewing.native_frames(image, [1]) == PLAIN.native_frames(image, [1])
    assert viewing.explicit_little(image) == PLAIN.explicit_little(image)
    shown = viewing.rendered(image, 1, PNG, Rendering())
    assert shown == PLAIN.rendered(image, 1, PNG, Rendering())


def test_a_refusal_keeps_its_kind(viewing: Viewing, image: Path) -> None:
    with pytest.raises(UnknownResourceError, match="frame 7 does not exist"):
        viewing.rendered(image, 7, PNG, Rendering())


def test_what_never_ends_is_refused_and_the_next_image_is_shown(
    viewing: Viewing, image: Path, tmp_path: Path
) -> None:
    endless = tmp_path / "endless.dcm"
    os.mkfifo(endless)
    with pytest.raises(NotAcceptableError, match="cannot be decoded here"):
        viewing.rendered(endless, 1, PNG, Rendering())
    assert viewing.native_frames(image, [1]) == PLAIN.native_frames(image, [1])


def test_a_worker_that_was_killed_is_replaced(viewing: Viewing, image: Path) -> None:
    viewing.native_frames(image, [1])
    (before,) = viewing.pids()
    os.kill(before, signal.SIGKILL)

    def shows() -> bool:
        try:
            return viewing.native_frames(image, [1]) == PLAIN.native_frames(image, [1])
        except NotAcceptableError:  # it was given the work before its end had come through
            return False

    wait_until(shows, "another one to do the work")
    assert before not in viewing.pids()


def test_who_asks_where_no_worker_ever_starts_is_told_in_time(image: Path) -> None:
    too_little = NodeSettings.model_validate({"workers": {"memory_bytes": 2**20}})
    viewing = Viewing(too_little, patience=240)
    try:
        for _ in range(2):
            with pytest.raises(NotNowError, match="does not start") as refused:
                viewing.native_frames(image, [1])
    finally:
        viewing.stop()
    assert refused.value.status == 503
