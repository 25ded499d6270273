"""A few of `make fuzz`'s spoiled objects: each is answered, and each that is taken is told of."""

import logging
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.network.status import NOT_WHOLE
from tests.fuzz.running import fuzz
from tests.fuzz.seeds import seeds
from tests.fuzz.spoiling import Spoiler, elements_of

FEW, COUNT = 32, 64


def test_a_sound_object_survives_being_taken_apart() -> None:
    for each in seeds():
        whole = b"".join(element.encode() for element in each.elements)
        assert elements_of(whole) == list(each.elements)


def test_the_same_lot_spoils_the_same_way() -> None:
    sound = seeds()[0].elements
    assert Spoiler(7).spoiled(sound) == Spoiler(7).spoiled(sound)
    assert len({Spoiler(number).spoiled(sound) for number in range(50)}) > 40


@pytest.mark.filterwarnings("ignore")  # pydicom's, of what is spoiled
@pytest.mark.parametrize("count", [FEW, pytest.param(COUNT, marks=pytest.mark.long)])
def test_whatever_is_wrong_is_refused_or_reported(
    engine: sa.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture, count: int
) -> None:
    caplog.set_level(logging.CRITICAL)
    tally = fuzz(tmp_path / "node", engine, batches=[range(count)])
    assert tally.sent == count
    assert tally.escapes == []
    assert tally.untold == []
    assert set(tally.statuses) <= {0x0000, NOT_WHOLE, 0xA900, 0xC001, 0xC002}
    assert tally.statuses[0x0000] > count // 2
    assert tally.decoded > count // 8
    assert {"sr", "sc", "pdf"} <= set(tally.evidence)
