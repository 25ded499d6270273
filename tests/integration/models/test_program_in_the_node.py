"""A program in the node: what it finds and makes goes through the gate, or is refused in words."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset

from ai_engine.library.card import ModelCard, described_digest, write_card
from ai_engine.library.program import Program
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.report_reading import reported_findings, reported_regions
from sr_templates.series_numbers import BLOCK
from tests.integration.models.conftest import Started, Trial
from tests.integration.sr_templates.validators import dciodvfy_errors
from tests.unit.ai_engine.vendor_cards import vendor_card

# Makes a result, a segmentation, a capture and a report, as vendors' programs do with highdicom.
BEGINNING = """
import json, os
from pathlib import Path
import numpy as np, highdicom as hd, pydicom
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid
source = pydicom.dcmread(Path(os.environ["MERCURE_IN_DIR"], "0001.dcm"))
out = Path(os.environ["MERCURE_OUT_DIR"])
who = dict(manufacturer="Vendor", manufacturer_model_name="Finder", software_versions="9",
           device_serial_number="1")

def capture():
    made = hd.sc.SCImage.from_ref_dataset(
        ref_dataset=source, pixel_array=np.zeros((64, 64, 3), np.uint8),
        photometric_interpretation="RGB", bits_allocated=8, coordinate_system="PATIENT",
        series_instance_uid=generate_uid(), sop_instance_uid=generate_uid(), series_number=1,
        instance_number=1, manufacturer="Vendor", patient_orientation=("L", "F"),
    )
    made.BurnedInAnnotation = "YES"
    made.ImageType = ["DERIVED", "SECONDARY"]
    made.DerivationDescription = "what the program saw"
    item = pydicom.Dataset()
    item.ReferencedSOPClassUID = source.SOPClassUID
    item.ReferencedSOPInstanceUID = source.SOPInstanceUID
    made.SourceImageSequence = [item]
    return made
"""
FINDS = """
finding = {"label": "Lung Opacity", "probability": 0.9,
           "polygons": [[[600, 600], [900, 600], [900, 1000], [600, 1000]]]}
images = [{"sop_instance_uid": source.SOPInstanceUID, "findings": [finding]}]
(out / "result.json").write_text(json.dumps({"images": images, "version": "9"}))
"""


def installed(folder: Path, code: str) -> ModelCard:
    place = folder / "vendor-opacity" / "1.0.0"
    place.mkdir(parents=True)
    script = folder.parent / "program.py"
    script.write_text(BEGINNING + code)
    program = Program(command=(os.path.realpath(sys.executable), str(script)), timeout=120.0)
    # Its interpreter needs the packages of this one, and knows nothing else of the node.
    program = replace(program, environment=(f"PYTHONPATH={os.pathsep.join(sys.path[1:])}",))
    card = replace(vendor_card(place), kind="program", service=None, tensors=None, program=program)
    card = replace(card, guard="frontal-chest-guard", weights_digest="", input_size=0)
    card = replace(card, weights_digest=described_digest(card))
    write_card(card)
    return card


def sent(started: Started, chest: Dataset, code: str, *kinds: EvidenceKind) -> Trial:
    trial = started(lambda folder: installed(folder, code))
    trial.wanting(*kinds)
    chest.PatientName = "M\u00fcller^Anna"
    chest.SpecificCharacterSet = "ISO_IR 100"
    trial.send(chest)
    return trial


def failure(trial: Trial) -> str:
    (row,) = trial.works.hotbase.jobs(trial.study)
    assert row["state"] == "failed"
    return str(row["reason"])


def test_findings_of_a_program_become_evidence(started: Started, chest: Dataset) -> None:
    trial = sent(started, chest, FINDS, EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.SEG)
    made = trial.evidence(trial.analyse())
    assert set(made) == {EvidenceKind.SR, EvidenceKind.SC, EvidenceKind.SEG}
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert [each.present for each in reported_findings(report)] == [True]
    (region,) = reported_regions(report)
    assert region.points[:, 0].min() == pytest.approx(600, abs=12)
    assert region.points[:, 1].max() == pytest.approx(1000, abs=12)
    assert dciodvfy_errors(made[EvidenceKind.SR][0]) == []


def test_objects_of_a_program_are_taken_into_the_study(started: Started, chest: Dataset) -> None:
    code = (
        FINDS
        + """
made = capture()
made.PatientName = "MULLER^A"
made.add_new((0x0011, 0x0010), "LO", "VENDOR PRIVATE")
made.save_as(out / "capture.dcm")
"""
    )
    trial = sent(started, chest, code, EvidenceKind.SR, EvidenceKind.VENDOR)
    made = trial.evidence(trial.analyse())
    (path,) = made[EvidenceKind.VENDOR]
    taken = pydicom.dcmread(path)
    assert str(taken.PatientName) == "M\u00fcller^Anna"
    assert taken.StudyInstanceUID == chest.StudyInstanceUID
    assert taken.SeriesNumber % BLOCK == 40
    assert taken.Manufacturer == "Vendor"
    assert taken.ContributingEquipmentSequence[-1].ManufacturerModelName == "vendor-opacity"
    assert (0x0011, 0x0010) not in taken
    assert taken.SOPInstanceUID.startswith("2.25.")
    assert taken.SOPInstanceUID == taken.file_meta.MediaStorageSOPInstanceUID
    assert dciodvfy_errors(path) == []
    listed = pydicom.dcmread(made[EvidenceKind.SR][0]).CurrentRequestedProcedureEvidenceSequence
    uids = [
        str(each.ReferencedSOPInstanceUID)
        for study in listed
        for series in study.ReferencedSeriesSequence
        for each in series.ReferencedSOPSequence
    ]
    assert str(taken.SOPInstanceUID) in uids


def test_an_incomplete_object_is_held_and_not_sent(started: Started, chest: Dataset) -> None:
    code = FINDS + "made = capture()\ndel made.Rows\nmade.save_as(out / 'x')\n"
    trial = sent(started, chest, code, EvidenceKind.SR, EvidenceKind.VENDOR)
    job = trial.analyse()
    held = [each for each in trial.works.hotbase.evidence(job) if each.is_held]
    assert [each.kind for each in held] == [EvidenceKind.VENDOR]
    assert "Rows (0028,0010) has no value (type 1)" in held[0].problems


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "made = capture()\nmade.PatientID = 'SOMEBODY'\nmade.save_as(out / 'x')",
            "another patient",
        ),
        ("made = capture()\nmade.StudyInstanceUID = '1.2.3'\nmade.save_as(out / 'x')", "study"),
        (
            "made = capture()\nmade.SourceImageSequence[0].ReferencedSOPInstanceUID = '1.2.3'\n"
            "made.save_as(out / 'x')",
            "instances that the program was not given",
        ),
        (
            "source.save_as(out / 'x')",
            "is of a class that is not taken (Digital X-Ray Image Storage - For Presentation)",
        ),
        ("(out / 'x').write_bytes(bytes(128) + b'DICM')", "cannot be read as DICOM"),
    ],
    ids=["patient", "study", "reference", "class", "nonsense"],
)
def test_what_is_not_of_this_study_is_refused(
    started: Started, chest: Dataset, code: str, words: str
) -> None:
    trial = sent(started, chest, code, EvidenceKind.SR, EvidenceKind.VENDOR)
    trial.analyse()
    assert words in failure(trial)


def test_an_object_that_nobody_wants_is_said_to_be_left_out(
    started: Started, chest: Dataset
) -> None:
    code = FINDS + "capture().save_as(out / 'x.dcm')\n"
    trial = sent(started, chest, code, EvidenceKind.SR)
    job = trial.analyse()
    assert set(trial.evidence(job)) == {EvidenceKind.SR, EvidenceKind.SC}
    (left,) = trial.works.hotbase.left_out(job)
    assert "--evidence sr,sc,vendor" in str(left)


def test_a_program_that_fails_fails_its_study(started: Started, chest: Dataset) -> None:
    trial = sent(started, chest, "raise SystemExit(3)", EvidenceKind.SR)
    trial.analyse()
    assert "the program ended with status 3" in failure(trial)
