"""A triage model that is promoted looks first, and orders what waits."""

import dataclasses
from pathlib import Path

import pytest
from pydicom import dcmread

from ai_engine.kinds.random_weights import write_random_weights
from ai_engine.kinds.testing import guard_card
from ai_engine.library.card import Label, write_card
from dicom_node.domain.study import StudyState
from sr_templates.percent import percent
from tests.acceptance.conftest import MODALITY
from tests.acceptance.running import RunningNode
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend

pytestmark = pytest.mark.peer


def _triage_model(folder: Path) -> None:
    """A small network with random weights, in the place of a trained one."""
    labels = tuple(
        Label(name=name, title=name, threshold=0.5) for name in ("Abnormal", "No_Finding")
    )
    place = folder / "paper3-triage" / "1.0.0"
    card = dataclasses.replace(
        guard_card(place),
        name="paper3-triage",
        version="1.0.0",
        title="Normal or not",
        kind="triage",
        labels=labels,
    )
    digest = write_random_weights(card, card.weights_path, seed=1)
    write_card(dataclasses.replace(card, weights_digest=digest))


def test_a_promoted_triage_model_is_asked_first_and_its_word_is_shown(
    node: RunningNode, tmp_path: Path
) -> None:
    source = dicom_folder("received") / "canon-dx-chest-pa-monochrome1-j2k.dcm"
    node.add_ae(MODALITY, 104, "modality", "--quiet-period", "0")
    _triage_model(tmp_path / "triage")
    done = node.run("models", "import", tmp_path / "triage" / "paper3-triage" / "1.0.0")
    assert done.returncode == 0, done.stderr
    assert node.run("models", "promote", "paper3-triage", "1.0.0").returncode == 0
    assert dcmsend(node.peer, [source], calling=MODALITY).returncode == 0
    study = str(dcmread(source, stop_before_pixels=True).StudyInstanceUID)
    assert node.settled(study).state is StudyState.ANALYSED
    said = node.ask("status", study).stdout
    assert "triage: " in said
    assert "Triage by paper3-triage/1.0.0" in said
    log = node.log.read_text()
    loaded = "loaded model=paper3-triage/1.0.0"
    assert loaded in log
    assert log.index(loaded) < log.index("job inferred")
    (item,) = node.repositories().review_queue().items().items
    assert item.abnormality is not None
    assert percent(item.abnormality) in node.ask("review", "list").stdout
