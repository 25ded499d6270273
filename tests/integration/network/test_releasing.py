"""An association that the node opened ends, whatever its peer does."""

from pathlib import Path

import pytest

from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.storage_scu import storage_line
from tests.peers.objects import make_dataset, write_part10
from tests.peers.raw_pdu import RELEASED, silent_acceptor

# Long enough for this machine to accept, short enough to be waited for in vain.
SHORT = ScuTimeouts(connection=60, acse=2, dimse=60, network=60)


@pytest.mark.parametrize(
    "last_words",
    [b"", bytes((RELEASED, 0, 0)), bytes((RELEASED, 0, 0, 0, 0, 4, 0))],
    ids=["nothing", "half a head", "half an answer"],
)
def test_a_peer_that_does_not_answer_a_release_loses_the_connection(
    tmp_path: Path, last_words: bytes
) -> None:
    image = write_part10(tmp_path / "image.dcm", make_dataset())
    with silent_acceptor(last_words) as port:
        peer = Destination(ae_title="SILENT", host="127.0.0.1", port=port)

        with storage_line([image], peer, timeouts=SHORT) as line:
            assert line.carries([image])

        assert not line.carries([image])
