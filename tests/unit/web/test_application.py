"""Health and metrics."""

from fastapi.testclient import TestClient

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from dicom_node.telemetry import CorridorCollector, make_registry
from dicom_node.web.application import make_application
from sr_templates.evidence_kind import EvidenceKind


def client(*problems: str) -> TestClient:
    collector = CorridorCollector(
        studies=lambda: {StudyState.ANALYSED: 3},
        deliveries=lambda: {("PACS", DeliveryState.RETRYING): 2},
        held=lambda: {EvidenceKind.SEG: 2},
        conflicts=lambda: 4,
        open_associations=lambda: 1,
    )
    application = make_application(
        registry=make_registry(collector), problems=lambda: problems, version="1.2.3"
    )
    return TestClient(application)


def test_a_healthy_node_says_so() -> None:
    answer = client().get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "1.2.3", "problems": []}


def test_a_failing_node_answers_503_and_says_why() -> None:
    answer = client("receivers are not listening").get("/health")
    assert answer.status_code == 503
    assert answer.json()["problems"] == ["receivers are not listening"]


def test_metrics_show_where_studies_and_deliveries_stand() -> None:
    said = client().get("/metrics").text
    assert 'dicom_node_studies{state="analysed"} 3.0' in said
    assert 'dicom_node_studies{state="failed"} 0.0' in said
    assert 'dicom_node_deliveries{destination="PACS",state="retrying"} 2.0' in said
    assert 'dicom_node_evidence_held{kind="seg"} 2.0' in said
    assert "dicom_node_conflicting_objects_total 4.0" in said
    assert "dicom_node_open_associations 1.0" in said
