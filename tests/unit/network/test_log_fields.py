"""What a peer says cannot forge a log line."""

import logging
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.network.logs import ForwardingHandler, fields, replay


@pytest.mark.slow
@given(st.text())
def test_a_value_stays_on_its_line_and_within_its_field(value: str) -> None:
    line = fields(calling_ae=value, reason="x")

    assert "\n" not in line
    assert line.isprintable()
    assert line.endswith(" reason=x")
    if any(letter in value for letter in ' "='):
        assert line.startswith('calling_ae="')


def test_ordinary_values_stay_as_they_are() -> None:
    assert fields(ae="CT_1", peer="10.0.0.7", n=3) == "ae=CT_1 peer=10.0.0.7 n=3"
    assert fields(ae="CT 1", empty="") == 'ae="CT 1" empty=""'


def test_records_travel_by_pickle_and_are_emitted_again(caplog: pytest.LogCaptureFixture) -> None:
    sent: list[bytes] = []
    logger = logging.getLogger("test.forwarding")
    handler = ForwardingHandler(lambda record: sent.append(pickle.dumps(record)))
    logger.addHandler(handler)
    logger.propagate = False
    try:
        try:
            int("broken")
        except ValueError:
            logger.exception("failed %s", fields(n=1))
    finally:
        logger.removeHandler(handler)
        logger.propagate = True

    with caplog.at_level(logging.INFO):
        replay(pickle.loads(sent[0]))  # noqa: S301  # our own bytes

    assert caplog.records[0].name == "test.forwarding"
    assert "failed n=1" in caplog.text
    assert "ValueError" in caplog.text


def test_a_replayed_record_obeys_the_level_here(caplog: pytest.LogCaptureFixture) -> None:
    record = logging.LogRecord("test.level", logging.DEBUG, "", 0, "quiet", None, None)

    with caplog.at_level(logging.INFO):
        replay(record)

    assert caplog.records == []
