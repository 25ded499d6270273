"""A modality's C-STORE comes back to the PACS as a structured report and an overlay.

Real parts throughout: DCMTK sends, the node runs by its public command, Orthanc is the PACS.
"""

import json
import subprocess
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from tests.acceptance.conftest import MODALITY, Hospital
from tests.acceptance.running import RunningNode, running_node
from tests.peers.data import dicom_files, dicom_folder
from tests.peers.dcmtk import dcmsend, echoscu, run, storescp, storescu
from tests.peers.postgresql import PostgreSql
from tests.peers.process import free_port, program

pytestmark = pytest.mark.peer

_DISAGREE = "tags and pixels disagree"
CHEST = "canon-dx-chest-pa-monochrome1-j2k.dcm"


def _chest(name: str = CHEST) -> Path:
    return dicom_folder("received") / name


def _send(hospital: Hospital, *paths: Path) -> None:
    done = dcmsend(hospital.node.peer, paths, calling=MODALITY)
    assert done.returncode == 0, done.stderr


def _copy(source: Path, folder: Path, **changes: str) -> Path:
    dataset = dcmread(source)
    for keyword, value in changes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path)
    return path


def _errors_of_dciodvfy(dataset: Dataset, folder: Path) -> list[str]:
    path = folder / f"{dataset.SOPInstanceUID}.dcm"
    dataset.save_as(path, enforce_file_format=True)
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), path],
        capture_output=True,
        text=True,
        errors="replace",
        timeout=60,
        check=False,
    )
    return [line for line in done.stderr.splitlines() if line.startswith("Error")]


def test_a_radiograph_comes_back_as_a_report_and_an_overlay(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    path = shared_hospital.fresh(_chest(), tmp_path)
    source = dcmread(path, stop_before_pixels=True)
    # -xv: JPEG 2000 lossless is proposed, and the object goes over the wire as it is.
    done = storescu(shared_hospital.node.peer, [path], calling=MODALITY, options=["-xv"])
    assert done.returncode == 0, done.stderr
    reports, overlays = shared_hospital.wait_for_reports()
    assert len(reports) == 1
    assert overlays
    for made in (*reports, *overlays):
        assert made.StudyInstanceUID == source.StudyInstanceUID
        assert made.PatientID == source.PatientID
        assert _errors_of_dciodvfy(made, tmp_path) == []
    (report,) = reports
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "UNVERIFIED")
    dump = run("dsrdump", tmp_path / f"{report.SOPInstanceUID}.dcm")
    assert dump.returncode == 0
    assert "Image Measurement Report" in dump.stdout or "Imaging Measurement Report" in dump.stdout
    assert _trail(shared_hospital, str(source.StudyInstanceUID)) == [
        ("Begin Transferring DICOM Instances", MODALITY),
        ("DICOM Instances Transferred", MODALITY),
        ("DICOM Instances Transferred", "ORTHANC"),
    ]
    verified = shared_hospital.node.run("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def _trail(hospital: Hospital, study: str) -> list[tuple[str, str]]:
    """Return what the audit trail says of a study, in order: the events, and who was there too."""
    shown = hospital.node.ask("audit", "show", "--json", "--study", study)
    assert shown.returncode == 0, shown.stderr
    records = [json.loads(line) for line in reversed(shown.stdout.splitlines())]
    return [
        (each["event"], user)
        for each in records
        for user in (one["user"] for one in each["by"])
        if user != hospital.node.peer.ae_title
    ]


def test_a_destination_gets_the_kinds_of_evidence_that_it_is_administered_to_get(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    hospital = shared_hospital
    path = hospital.fresh(_chest(), tmp_path)
    assert (
        hospital.node.ask("ae", "set", "ORTHANC", "--evidence", "sr,seg,pr,pdf,ko").returncode == 0
    )
    try:
        _send(hospital, path)
        study = dcmread(path, stop_before_pixels=True).StudyInstanceUID
        assert hospital.node.settled(study).state is StudyState.ANALYSED
        hospital.wait_for_reports()
    finally:
        assert hospital.node.ask("ae", "set", "ORTHANC", "--evidence", "sr,sc").returncode == 0
    positive = any(
        finding["probability"] >= finding["threshold"]
        for job in hospital.node.repositories().hotbase.jobs(study)
        for finding in hospital.node.repositories().hotbase.findings(job["job_id"])
    )
    made = hospital.objects()
    modalities = {each.Modality for each in made}
    assert "OT" not in modalities
    # Presentation state and key images exist only where something was found; the lungs always are.
    always = {"SR", "DOC", "SEG"}
    assert modalities == (always | {"PR", "KO"} if positive else always)
    outlined = [each for each in made if each.get("ContentLabel") == "AI_LUNGS"]
    assert [len(each.SegmentSequence) for each in outlined] == [2]
    for each in made:
        assert _errors_of_dciodvfy(each, tmp_path) == []


def test_orthanc_forwards_a_stable_study_and_gets_the_results_without_a_loop(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    path = shared_hospital.fresh(_chest(), tmp_path)
    shared_hospital.pacs.upload(path)
    shared_hospital.wait_for_reports()
    study = dcmread(path, stop_before_pixels=True).StudyInstanceUID
    shared_hospital.node.settled(study)
    # What the node returned makes the study stable once more; nothing may come of that.
    shared_hospital.node.wait_for(
        "Orthanc to see the study stable again", lambda: _is_stable(shared_hospital, study)
    )
    reports, _ = shared_hospital.results()
    assert len(reports) == 1
    assert shared_hospital.node.repositories().index.study(study).instance_count == 1


def _is_stable(hospital: Hospital, study: str) -> bool:
    (found,) = [
        each
        for each in hospital.pacs.get("/studies?expand")
        if each["MainDicomTags"]["StudyInstanceUID"] == study
    ]
    return bool(found["IsStable"])


def test_a_study_that_is_sent_twice_has_one_result(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    path = shared_hospital.fresh(_chest(), tmp_path)
    _send(shared_hospital, path)
    before = shared_hospital.wait_for_reports()
    _send(shared_hospital, path)
    other = shared_hospital.fresh(_chest("siim-cxr-pa-jpeg-baseline.dcm"), tmp_path)
    _send(shared_hospital, other)
    shared_hospital.wait_for_reports(2)
    reports, overlays = shared_hospital.results()
    study = before[0][0].StudyInstanceUID
    assert [each.SOPInstanceUID for each in reports if each.StudyInstanceUID == study] == [
        before[0][0].SOPInstanceUID
    ]
    assert len([each for each in overlays if each.StudyInstanceUID == study]) == len(before[1])


def test_a_late_image_leads_to_a_successor_that_names_its_predecessor(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    path = shared_hospital.fresh(_chest(), tmp_path)
    _send(shared_hospital, path)
    ((first,), _) = shared_hospital.wait_for_reports()
    late = _copy(path, tmp_path, SOPInstanceUID="1.2.826.0.1.3680043.8.498.1")
    _send(shared_hospital, late)
    reports, _ = shared_hospital.wait_for_reports(2)
    (second,) = [each for each in reports if each.SOPInstanceUID != first.SOPInstanceUID]
    reference = second.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert reference.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == first.SOPInstanceUID
    assert second.SeriesInstanceUID == first.SeriesInstanceUID


def test_an_ae_title_is_effective_in_a_running_node(shared_hospital: Hospital) -> None:
    node = shared_hospital.node
    refused = echoscu(node.peer, calling="NEWCOMER")
    assert refused.returncode != 0
    assert "Calling AE Title Not Recognized" in refused.stdout + refused.stderr
    node.add_ae("NEWCOMER", 104, "modality")
    assert echoscu(node.peer, calling="NEWCOMER").returncode == 0
    assert node.ask("ae", "remove", "NEWCOMER").returncode == 0
    assert echoscu(node.peer, calling="NEWCOMER").returncode != 0


def test_a_destination_that_is_away_gets_its_results_when_it_is_back(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node = shared_hospital.node
    port = free_port()
    node.add_ae("AWAY", port, "pacs")
    node.add_ae("CR2", 104, "modality", "--destination", "AWAY", "--quiet-period", "0")
    path = shared_hospital.fresh(_chest(), tmp_path)
    assert dcmsend(node.peer, [path], calling="CR2").returncode == 0
    node.wait_for("a failed try", lambda: _states(node, "AWAY") == {DeliveryState.RETRYING})
    with storescp(tmp_path / "pacs", ae_title="AWAY", port=port) as pacs:
        node.wait_for("the delivery", lambda: _states(node, "AWAY") == {DeliveryState.DELIVERED})
        assert len(pacs.files()) >= 2


def _states(node: RunningNode, destination: str) -> set[DeliveryState]:
    repositories = node.repositories()
    counts = repositories.deliveries.counts()
    repositories.close()
    return {state for title, state in counts if title == destination}


def test_one_dead_destination_does_not_hold_up_another(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node = shared_hospital.node
    node.add_ae("DEAD", free_port(), "pacs")
    path = shared_hospital.fresh(_chest(), tmp_path)
    with storescp(tmp_path / "pacs", ae_title="ALIVE") as pacs:
        node.add_ae("ALIVE", pacs.peer.port, "pacs")
        both = ("--destination", "DEAD", "--destination", "ALIVE")
        node.add_ae("CR3", 104, "modality", *both, "--quiet-period", "0")
        assert dcmsend(node.peer, [path], calling="CR3").returncode == 0
        node.wait_for("results at the living", lambda: len(pacs.files()) >= 2)
    assert DeliveryState.DELIVERED not in _states(node, "DEAD")


def test_a_node_that_is_killed_finishes_its_work_at_the_next_start(hospital: Hospital) -> None:
    names = [
        path for path in dicom_files("received") if "chest" in path.name or "siim" in path.name
    ]
    done = dcmsend(hospital.node.peer, names, calling=MODALITY)
    assert done.returncode == 0, done.stderr
    hospital.node.kill()
    hospital.node.start()
    studies = {dcmread(path, stop_before_pixels=True).StudyInstanceUID for path in names}
    for study in studies:
        hospital.node.settled(study)
    reports, overlays = hospital.wait_for_reports(len(studies))
    by_study = [each.StudyInstanceUID for each in reports]
    assert sorted(by_study) == sorted(studies)
    assert len({each.SOPInstanceUID for each in overlays}) == len(overlays)


def test_the_whole_corridor_and_the_warehouse_run_on_postgresql(
    postgres: PostgreSql, tmp_path: Path
) -> None:
    databases = {
        "DICOM_NODE_DATABASE__URL": postgres.database("corridor"),
        "DICOM_NODE_DATABASE__WAREHOUSE_URL": postgres.database("warehouse"),
        "DICOM_NODE_NEW_PASSWORD": "correct horse battery",
    }
    with (
        running_node(tmp_path / "node", **databases) as node,
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
    ):
        node.add_ae("PACS", pacs.peer.port, "pacs")
        node.add_ae(MODALITY, 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start()
        assert dcmsend(node.peer, [_chest()], calling=MODALITY).returncode == 0
        node.wait_for("results in the PACS", lambda: len(pacs.files()) >= 2)
        study = dcmread(_chest(), stop_before_pixels=True).StudyInstanceUID
        assert node.settled(study).state is StudyState.ANALYSED
        repositories = node.repositories()
        (item,) = node.wait_for(
            "an item to wait", lambda: repositories.review_queue().items().items
        )
        repositories.close()
        node.ask("users", "add", "ada", "--role", "expert", "--title", "Expert^Ada")
        decided = node.ask("review", "decide", item.item_id, "--as", "ada", "--confirm")
        assert "Decided." in decided.stdout, decided.stderr
        node.wait_for("the verified report in the PACS", lambda: len(pacs.files()) >= 3)
        counted = node.wait_for(
            "the record to be counted",
            lambda: [
                line
                for line in node.ask("warehouse", "counts").stdout.splitlines()
                if item.device.device_id in line
            ],
        )
        assert counted
        assert list((tmp_path / "node" / "data").glob("*.sqlite")) == []


def test_the_index_is_rebuilt_from_the_files(node: RunningNode) -> None:
    node.add_ae(MODALITY, 104, "modality", "--quiet-period", "0")
    assert dcmsend(node.peer, [_chest()], calling=MODALITY).returncode == 0
    study = dcmread(_chest(), stop_before_pixels=True).StudyInstanceUID
    node.settled(study)
    node.stop()
    before = node.repositories().index.instances(study)
    assert before
    for name in ("hotbase.sqlite", "hotbase.sqlite-wal", "hotbase.sqlite-shm"):
        (node.folder / "data" / name).unlink(missing_ok=True)
    done = node.run("doctor", "--rebuild-index")
    assert done.returncode == 0, done.stderr
    assert node.repositories().index.instances(study) == before


def test_what_is_not_a_chest_radiograph_is_stored_and_not_analysed(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    others = [
        shared_hospital.fresh(path, tmp_path)
        for path in dicom_files("received")
        if any(word in path.name for word in ("hip", "tibia", "dog", "mammogram", "us-", "mr-"))
    ]
    assert len(others) == 6
    _send(shared_hospital, *others)
    for path in others:
        dataset = dcmread(path, stop_before_pixels=True)
        record = shared_hospital.node.settled(dataset.StudyInstanceUID)
        repositories = shared_hospital.node.repositories()
        analysed = [
            finding
            for job in repositories.hotbase.jobs(dataset.StudyInstanceUID)
            for finding in repositories.hotbase.findings(job["job_id"])
        ]
        assert analysed == [], path.name
        if record.state is StudyState.NOT_ROUTED:
            assert record.reason
        else:
            refused = [
                refusal["reason"]
                for job in repositories.hotbase.jobs(dataset.StudyInstanceUID)
                for refusal in repositories.hotbase.refusals(job["job_id"])
            ]
            assert refused, path.name
    _, overlays = shared_hospital.results()
    assert overlays == []


def test_pixels_decide_where_tags_are_wrong_and_the_disagreement_is_told(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    """A chest tagged HIP, a chest without a word on what it is, and a hip tagged CHEST."""
    before = shared_hospital.node.log.read_text().count(_DISAGREE)
    hidden = _copy(
        _chest(),
        tmp_path,
        SOPInstanceUID="1.2.826.0.1.3680043.8.498.2",
        StudyInstanceUID="1.2.826.0.1.3680043.8.498.2.1",
        BodyPartExamined="HIP",
    )
    bare = _copy(
        _chest("nih-cxr-as-secondary-capture.dcm"),
        tmp_path,
        SOPInstanceUID="1.2.826.0.1.3680043.8.498.3",
        StudyInstanceUID="1.2.826.0.1.3680043.8.498.3.1",
        Modality="OT",
    )
    claimed = _copy(
        _chest("cr-hip-j2k.dcm"),
        tmp_path,
        SOPInstanceUID="1.2.826.0.1.3680043.8.498.4",
        StudyInstanceUID="1.2.826.0.1.3680043.8.498.4.1",
        BodyPartExamined="CHEST",
    )
    _send(shared_hospital, hidden, bare, claimed)
    said = {}
    shared_hospital.studies.update(
        dcmread(path, stop_before_pixels=True).StudyInstanceUID for path in (hidden, bare, claimed)
    )
    for path in (hidden, bare, claimed):
        study = dcmread(path, stop_before_pixels=True).StudyInstanceUID
        assert shared_hospital.node.settled(study).state is StudyState.ANALYSED
        said[path] = shared_hospital.node.ask("status", study).stdout
    for path in (hidden, bare):
        assert "Abnormal" in said[path]
        assert "Pneumonia" not in said[path]
    assert "body part HIP is not one of CHEST" in said[hidden]
    assert "modality OT is not one of" in said[bare]
    assert "not analysed" in said[claimed]
    assert "says body part CHEST, but the image was not analysed" in said[claimed]
    reports, _ = shared_hospital.wait_for_reports(3)
    for report in reports:
        assert "R-TAGS-DISAGREE" in report.to_json()
        assert _errors_of_dciodvfy(report, tmp_path) == []
    assert shared_hospital.node.log.read_text().count(_DISAGREE) - before == 3


def test_broken_objects_do_not_stop_the_node(shared_hospital: Hospital, tmp_path: Path) -> None:
    for path in dicom_files("malformed"):
        # What DCMTK cannot read itself it does not send; each alone, so that the rest is sent.
        dcmsend(shared_hospital.node.peer, [path], calling=MODALITY)
    path = shared_hospital.fresh(_chest(), tmp_path)
    _send(shared_hospital, path)
    study = dcmread(path, stop_before_pixels=True).StudyInstanceUID
    assert shared_hospital.node.settled(study).state is StudyState.ANALYSED
    for record in shared_hospital.node.repositories().index.recent(100):
        settled = shared_hospital.node.settled(record.study_instance_uid)
        assert settled.state in (StudyState.ANALYSED, StudyState.NOT_ROUTED)
        assert settled.state is StudyState.ANALYSED or settled.reason
