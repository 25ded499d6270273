"""A service in the node: evidence like that of any model, and an outage that holds up nobody."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset

from ai_engine.kinds.vendor import asking
from ai_engine.library.card import ModelCard, described_digest, write_card
from ai_engine.library.tensors import Tensors
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.workflow.outages import Outages
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.report_reading import reported_findings
from tests.integration.models.conftest import Started
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.peers.open_inference import Said, SayingServer
from tests.unit.ai_engine.vendor_cards import vendor_card

TENSORS = Tensors(input="image", probabilities="probabilities", heat_maps="heat")


@pytest.fixture
def server() -> Iterator[SayingServer]:
    heat = np.zeros((1, 1, 8, 8), np.float32)
    heat[0, 0, 3:5, 2:4] = 1
    with SayingServer() as running:
        running.outputs = {"probabilities": np.array([[0.81]], np.float32), "heat": heat}
        yield running


def installed(folder: Path, server: SayingServer) -> ModelCard:
    card = replace(
        vendor_card(endpoint=server.endpoint, tensors=TENSORS),
        folder=folder / "vendor-opacity" / "1.0.0",
        guard="frontal-chest-guard",
    )
    card = replace(card, weights_digest=described_digest(card))
    card.folder.mkdir(parents=True)
    write_card(card)
    return card


def test_a_service_becomes_evidence_that_names_it(
    started: Started, chest: Dataset, server: SayingServer
) -> None:
    trial = started(lambda folder: installed(folder, server))
    trial.wanting(EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.SEG)
    trial.send(chest)
    made = trial.evidence(trial.analyse())
    assert set(made) == {EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.SEG}
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert dciodvfy_errors(made[EvidenceKind.SR][0]) == []
    assert [each.present for each in reported_findings(report)] == [True]
    told = f"service brightness version 3 at {server.endpoint}"
    assert told in json.dumps(report.to_json_dict())
    (segment,) = pydicom.dcmread(made[EvidenceKind.SEG][0]).SegmentSequence
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    assert told in algorithm.AlgorithmParameters
    (equipment,) = [
        each
        for each in report.ContributingEquipmentSequence
        if each.ManufacturerModelName == "vendor-opacity"
    ]
    assert equipment.Manufacturer == "A vendor"


def test_what_a_service_says_wrongly_fails_in_words(
    started: Started, chest: Dataset, server: SayingServer
) -> None:
    server.outputs["probabilities"] = np.array([[0.2, 0.8]], np.float32)
    trial = started(lambda folder: installed(folder, server))
    trial.wanting(EvidenceKind.SR)
    trial.send(chest)
    job = trial.analyse()
    (row,) = trial.works.hotbase.jobs(trial.study)
    assert row["state"] == "failed"
    assert "has shape (1, 2), and the card has 1 labels" in str(row["reason"])
    (told,) = trial.works.hotbase.evidence(job, EvidenceSet.FAILURE)
    assert told.kind is EvidenceKind.SR


class PatientSteps(InlineSteps):
    """Waits for the end of outages, as the engine does."""

    def __init__(self, outages: Outages) -> None:
        super().__init__()
        self.outages = outages

    def run(self, name, step, *args, **kwargs):  # type: ignore[no-untyped-def]
        return super().run(name, self.outages.waited_out(name, step), *args, **kwargs)


def test_a_study_waits_for_its_service_without_holding_a_place(
    started: Started, chest: Dataset, server: SayingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PAUSE", 0.0)
    server.instead["infer"] = Said(status=503)
    trial = started(lambda folder: installed(folder, server))
    trial.wanting(EvidenceKind.SR)
    trial.send(chest)
    slots = trial.works.corridor.slots
    waiting = threading.Event()

    class Told(Outages):
        def _note(self, name: str, error: Exception) -> None:
            super()._note(name, error)
            waiting.set()

    outages = Told(resting=slots.rested)
    work = threading.Thread(
        target=trial.works.corridor.analyse, args=(trial.study, PatientSteps(outages))
    )
    work.start()
    assert waiting.wait(60)
    count, _, words = outages.lasting()
    assert count == 1
    assert words.endswith("status 503")
    with slots.one(urgent=False):  # others work meanwhile
        pass
    del server.instead["infer"]
    work.join(60)
    assert not work.is_alive()
    (row,) = trial.works.hotbase.jobs(trial.study)
    assert row["state"] == "done"


def test_patience_for_a_service_ends_in_a_report(
    started: Started, chest: Dataset, server: SayingServer
) -> None:
    server.instead["infer"] = Said(status=503)
    trial = started(lambda folder: installed(folder, server))
    trial.wanting(EvidenceKind.SR)
    trial.send(chest)
    trial.works.corridor.analyse(trial.study, PatientSteps(Outages(service_patience=0)))
    (row,) = trial.works.hotbase.jobs(trial.study)
    assert row["state"] == "failed"
    assert "status 503" in str(row["reason"])
