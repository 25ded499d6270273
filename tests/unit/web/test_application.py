"""Health and metrics."""

from fastapi.testclient import TestClient

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.health import Problem, Severity
from dicom_node.domain.study import StudyState
from dicom_node.telemetry import CorridorCollector, make_registry
from dicom_node.web.application import make_application
from sr_templates.evidence_kind import EvidenceKind


def client(*problems: Problem, has_started: bool = True) -> TestClient:
    collector = CorridorCollector(
        studies=lambda: {StudyState.ANALYSED: 3},
        deliveries=lambda: {("PACS", DeliveryState.RETRYING): 2},
        held=lambda: {EvidenceKind.SEG: 2},
        conflicts=lambda: 4,
        open_associations=lambda: 1,
        problems=lambda: problems,
    )
    application = make_application(
        registry=make_registry(collector),
        problems=lambda: problems,
        version="1.2.3",
        has_started=lambda: has_started,
    )
    return TestClient(application)


def test_a_healthy_node_says_so() -> None:
    answer = client().get("/health")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "1.2.3", "problems": []}


DEAF = Problem(kind="receivers", severity=Severity.FAILING, words="receivers are not listening")
DOWN = Problem(
    kind="destination down", severity=Severity.DEGRADED, words="PACS is down", advice="call it"
)


def test_a_failing_node_answers_503_and_says_why() -> None:
    asked = client(DEAF, DOWN)
    answer = asked.get("/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "failing"
    assert answer.json()["problems"] == ["receivers are not listening", "PACS is down; call it"]
    assert asked.get("/health/ready").status_code == 503
    assert asked.get("/health/live").status_code == 200


def test_a_degraded_node_is_ready_and_says_what_to_do() -> None:
    asked = client(DOWN)
    answer = asked.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["problems"] == ["PACS is down; call it"]
    assert asked.get("/health/ready").status_code == 200
    told = 'dicom_node_problems{kind="destination down",severity="degraded"} 1.0'
    assert told in asked.get("/metrics").text


def test_a_node_whose_workers_load_their_models_is_well_and_not_ready() -> None:
    asked = client(has_started=False)
    assert asked.get("/health").status_code == 200
    answer = asked.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"status": "starting"}


def test_metrics_show_where_studies_and_deliveries_stand() -> None:
    said = client().get("/metrics").text
    assert 'dicom_node_studies{state="analysed"} 3.0' in said
    assert 'dicom_node_studies{state="failed"} 0.0' in said
    assert 'dicom_node_deliveries{destination="PACS",state="retrying"} 2.0' in said
    assert 'dicom_node_evidence_held{kind="seg"} 2.0' in said
    assert "dicom_node_conflicting_objects_total 4.0" in said
    assert "dicom_node_open_associations 1.0" in said


def test_requests_are_measured_by_route_and_never_by_address() -> None:
    seen: list[tuple[str, str, int]] = []
    application = make_application(
        registry=make_registry(),
        problems=tuple,
        version="1.2.3",
        observe=lambda method, route, status, _seconds: seen.append((method, route, status)),
    )
    client = TestClient(application)
    client.get("/health")
    client.get("/nothing/Doe^Jane")
    client.request("BREW", "/health")
    assert seen == [("GET", "/health", 200), ("GET", "unknown", 404), ("unknown", "/health", 405)]


def test_head_says_what_get_would_without_its_body() -> None:
    asked = client(DEAF)
    for path in ("/health", "/health/live", "/health/ready", "/metrics"):
        whole, head = asked.get(path), asked.head(path)
        assert (head.status_code, head.content) == (whole.status_code, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]
    assert asked.head("/nothing").status_code == 404
