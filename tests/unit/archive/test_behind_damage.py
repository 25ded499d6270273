"""What lies behind damage is read as far as it has values; the seeds are those of `make fuzz`."""

from pathlib import Path

import pytest
from pydicom import Dataset

from dicom_node.archive.object_file import read_object
from dicom_node.archive.part10 import encode_head, file_meta
from sr_templates.character_set import CharacterSet
from sr_templates.source_image import rows_and_columns
from tests.fuzz.seeds import seeds
from tests.fuzz.spoiling import Spoiler
from tests.peers.objects import announcement


@pytest.mark.parametrize("number", [1985, 2367])
@pytest.mark.filterwarnings("ignore")  # pydicom's, of what is spoiled
def test_what_has_no_value_is_left_out_and_the_rest_is_read(tmp_path: Path, number: int) -> None:
    sound = seeds()
    seed = sound[number % len(sound)]
    named = Dataset()
    named.SOPClassUID, named.SOPInstanceUID = seed.sop_class_uid, "1.2.3"
    meta = file_meta(
        announcement(named, transfer_syntax_uid=seed.transfer_syntax_uid), digest="0" * 64
    )
    path = tmp_path / "spoiled.dcm"
    path.write_bytes(encode_head(meta) + Spoiler(number).spoiled(seed.elements))
    read = read_object(path, stop_before_pixels=True)
    CharacterSet.of(read)
    rows, columns = rows_and_columns(read)
    assert rows >= 0
    assert columns >= 0
