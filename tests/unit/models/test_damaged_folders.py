"""A model's folder that is damaged is an error in words, never a kind of exception."""

from dataclasses import replace
from pathlib import Path

import pytest

from ai_engine.kinds.testing import chest_card
from ai_engine.library.names import LIKENESS_FILE
from ai_engine.prediction import Prediction
from dicom_node.archive.objects import DicomObjects
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.configuration.settings import NodeSettings
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.models.host import ModelHost
from tests.unit.builders import EPOCH

CONFIG = Path(__file__).parents[3] / "config"


@pytest.mark.parametrize(
    "content",
    [b"", b"mean = [", b"mean = 1", b"\xff\xfe", b'mean = [1.0]\nprecision = "x"\nlimit = 1'],
    ids=["empty", "broken off", "a number", "no text", "words for numbers"],
)
def test_a_damaged_reference_of_training_images_is_named(tmp_path: Path, content: bytes) -> None:
    archive = StorageArchive(ArchiveSettings(root=tmp_path / "archive"))
    objects = DicomObjects(
        received=archive, evidence=archive, ae_title="AINODE", clock=lambda: EPOCH
    )
    host = ModelHost(NodeSettings(data_dir=tmp_path), CONFIG, objects)
    (tmp_path / LIKENESS_FILE).write_bytes(content)
    card = replace(chest_card(tmp_path), folder=tmp_path)
    with pytest.raises(ModelUnavailableError, match=LIKENESS_FILE):
        host._radiographs._unlike(card, [], Prediction(model=card.identity, images=(), refusals=()))
