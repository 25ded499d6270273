"""Models that run elsewhere, in a node as its users run it: a server that is away, a program."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from ai_engine.library.card import described_digest, write_card
from ai_engine.library.program import Program
from dicom_node.domain.study import StudyState
from tests.acceptance.conftest import MODALITY
from tests.acceptance.running import RunningNode
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend
from tests.peers.open_inference import Said, SayingServer
from tests.unit.ai_engine.vendor_cards import vendor_card

pytestmark = pytest.mark.peer

AWAY = Said(status=503, body=b'{"error": "out of memory"}')


def test_a_study_waits_for_its_service_and_goes_on_when_it_is_back(
    node: RunningNode, tmp_path: Path
) -> None:
    source = dicom_folder("received") / "canon-dx-chest-pa-monochrome1-j2k.dcm"
    study = str(dcmread(source, stop_before_pixels=True).StudyInstanceUID)
    node.add_ae(MODALITY, 104, "modality", "--quiet-period", "0")
    with SayingServer() as server:
        server.outputs = {"probabilities": np.array([[0.83]], np.float32)}
        card = replace(
            vendor_card(endpoint=server.endpoint),
            folder=tmp_path,
            name="chest-radiograph",
            version="9.0.0",
            guard="frontal-chest-guard",
            weights_digest="",
        )
        write_card(replace(card, weights_digest=described_digest(card)))
        assert node.run("models", "import", tmp_path).returncode == 0
        assert node.run("models", "promote", "chest-radiograph", "9.0.0").returncode == 0
        assert node.run("models", "check", "chest-radiograph").returncode == 0
        server.instead = {"infer": AWAY, "ready": AWAY}
        assert dcmsend(node.peer, [source], calling=MODALITY).returncode == 0
        node.wait_for(
            "the study to wait", lambda: "waiting for the end of an outage" in node.log.read_text()
        )
        assert "status 503: out of memory" in node.log.read_text()
        checked = node.run("models", "check", "chest-radiograph")
        assert checked.returncode != 0
        assert "status 503: out of memory" in checked.stderr + checked.stdout
        server.instead = {}
        assert node.settled(study, seconds=90).state is StudyState.ANALYSED
    assert "outage over" in node.log.read_text()
    assert len([each for each in server.images() if each.document]) >= 2


def test_a_program_runs_in_a_worker_and_its_failure_costs_its_study_alone(
    node: RunningNode, tmp_path: Path
) -> None:
    source = dicom_folder("received") / "canon-dx-chest-pa-monochrome1-j2k.dcm"
    study = str(dcmread(source, stop_before_pixels=True).StudyInstanceUID)
    node.add_ae(MODALITY, 104, "modality", "--quiet-period", "0")
    script = tmp_path / "finder"
    script.write_text(
        "import os, sys, pathlib\n"
        "assert os.listdir(os.environ['MERCURE_IN_DIR']) == ['0001.dcm']\n"
        "sys.exit('the licence has ended')\n"
    )
    card = replace(
        vendor_card(tmp_path / "card"),
        name="chest-radiograph",
        version="9.1.0",
        kind="program",
        service=None,
        tensors=None,
        input_size=0,
        program=Program(command=(os.path.realpath(sys.executable), "-I", str(script))),
        weights_digest="",
    )
    card.folder.mkdir()
    write_card(replace(card, weights_digest=described_digest(card)))
    assert node.run("models", "import", card.folder).returncode == 0
    assert node.run("models", "promote", "chest-radiograph", "9.1.0").returncode == 0
    assert dcmsend(node.peer, [source], calling=MODALITY).returncode == 0
    assert node.settled(study, seconds=90).state is StudyState.FAILED
    said = node.ask("status", study).stdout
    assert "the program ended with status 1" in " ".join(said.split())
    digest = described_digest(card)
    words = node.folder / "data" / "cache" / f"program-{digest[:32]}" / "last-words.txt"
    assert words.read_text() == "the licence has ended\n"
    assert "worker died" not in node.log.read_text()
