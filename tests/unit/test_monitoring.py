"""Dashboard and alert rules ask for what the node exports; promtool reads the rules where it is."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from pydantic import JsonValue

from dicom_node.configuration.settings import NodeSettings
from dicom_node.instruments import Instruments
from dicom_node.network.access import Refusal
from dicom_node.network.events import AssociationRefused, ObjectRefused
from dicom_node.node.analyst import AnalystSetup
from dicom_node.node.clock import utc_now
from dicom_node.node.isolated import Workers
from dicom_node.node.measuring import (
    MeasuredSender,
    Observed,
    fill_registry,
    measured_events,
)
from dicom_node.workflow.delivery.ports import DestinationAwayError, Outcome, Sent
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue
from tests.peers.office import CONFIG, office_stores
from tests.unit.builders import an_entity

_FILES = Path(__file__).parents[2] / "docker" / "monitoring"
_METRIC = re.compile(r"\b(?:dicom_node|process)_[a-z_]+")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CollectorRegistry]:
    """Everything that a node exports."""
    made = CollectorRegistry()
    Instruments(made, version="1.2.3")
    with office_stores(tmp_path_factory.mktemp("office")) as stores:
        no_workers = stores.settings.model_copy(
            update={"workers": stores.settings.workers.model_copy(update={"count": 0})}
        )
        yield fill_registry(
            made,
            stores,
            Observed(
                workers=Workers(AnalystSetup.of(no_workers, CONFIG), ()),
                reviews=FakeReviewQueue().counts,
                open_associations=int,
                problems=tuple,
                drifts=tuple,
            ),
        )


def _exported(registry: CollectorRegistry) -> set[str]:
    names = set()
    for family in registry.collect():
        suffixes = {
            "counter": ("_total",),
            "histogram": ("_bucket", "_count", "_sum"),
        }.get(family.type, ("",))
        names |= {family.name + suffix for suffix in suffixes}
    return names


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)


def test_the_dashboard_asks_for_what_there_is(registry: CollectorRegistry) -> None:
    dashboard = json.loads((_FILES / "dashboard.json").read_text())
    asked = {name for text in _texts(dashboard["panels"]) for name in _METRIC.findall(text)}
    assert len(asked) > 20
    assert asked <= _exported(registry), asked - _exported(registry)
    identities = [panel["id"] for panel in dashboard["panels"]]
    assert len(identities) == len(set(identities))


@pytest.mark.parametrize("file", ["alerts.yml", "alerts_test.yml"])
def test_alerts_ask_for_what_there_is(registry: CollectorRegistry, file: str) -> None:
    asked = set(_METRIC.findall((_FILES / file).read_text()))
    assert asked
    assert asked <= _exported(registry), asked - _exported(registry)


@pytest.mark.slow
def test_promtool_takes_the_rules_and_their_tests() -> None:
    beside = Path(sys.executable).with_name("promtool")
    promtool = str(beside) if beside.is_file() else shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not at hand: .ci/run takes it out of Debian's prometheus")
    for arguments in (
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ):
        done = subprocess.run(
            [promtool, *arguments], cwd=_FILES, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_refusals_are_counted_without_what_the_caller_called_itself() -> None:
    registry = CollectorRegistry()
    handled: list[object] = []
    take = measured_events(handled.extend, Instruments(registry, version="1"))
    refused = AssociationRefused(
        calling_ae="DOE^JANE",
        called_ae="AINODE",
        peer_address="10.0.0.1",
        refusal=Refusal.CALLING_AE_UNKNOWN,
        at=utc_now(),
    )
    lost = ObjectRefused(
        association_id="a",
        status=0xA700,
        reason="disk",
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        kept_as=None,
        at=utc_now(),
    )
    take([refused, lost])
    assert handled == [refused, lost]
    said = generate_latest(registry).decode()
    assert 'dicom_node_refused_associations_total{reason="calling_ae_unknown"} 1.0' in said
    assert 'dicom_node_refused_objects_total{status="A700"} 1.0' in said
    assert "DOE" not in said


class _Destination:
    """A sender of which a test says what becomes of tries."""

    def __init__(self, outcome: Outcome | None) -> None:
        self._outcome = outcome

    def verify(self, destination: object) -> None:
        if self._outcome is None:
            raise DestinationAwayError("away")

    def connect(self, destination: object, paths: object) -> "_Destination":
        del destination, paths
        self.verify(None)
        return self

    def __enter__(self) -> "_Destination":
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to close."""

    def carries(self, paths: object) -> bool:
        del paths
        return True

    def send(self, paths: list[str]) -> tuple[Sent, ...]:
        assert self._outcome is not None
        return tuple(Sent(path=path, outcome=self._outcome) for path in paths)


@pytest.mark.parametrize(
    ("outcome", "label"), [(Outcome.STORED, "stored"), (Outcome.NEVER, "never"), (None, "away")]
)
def test_tries_are_measured_by_destination_and_outcome(outcome: Outcome | None, label: str) -> None:
    registry = CollectorRegistry()
    sender = MeasuredSender(_Destination(outcome), Instruments(registry, version="1"))  # type: ignore[arg-type]
    pacs = an_entity("PACS")
    if outcome is None:
        with pytest.raises(DestinationAwayError), sender.connect(pacs, ["a"]):
            pass
    else:
        with sender.connect(pacs, ["a"]) as line:
            line.send(["a", "b"])
    counted = registry.get_sample_value(
        "dicom_node_delivery_seconds_count", {"destination": "PACS", "outcome": label}
    )
    assert counted == 1


def test_stages_and_models_are_measured_whether_they_end_well_or_not() -> None:
    registry = CollectorRegistry()
    instruments = Instruments(registry, version="1")
    with instruments.stage("route"):
        pass
    with pytest.raises(ValueError, match="no"), instruments.model("chest", "1.0"):
        raise ValueError("no")
    assert registry.get_sample_value(
        "dicom_node_stage_seconds_count", {"stage": "route", "outcome": "done"}
    )
    assert registry.get_sample_value(
        "dicom_node_model_seconds_count", {"model": "chest", "version": "1.0", "outcome": "failed"}
    )


def test_the_default_settings_name_the_address_that_prometheus_asks() -> None:
    assert f"node:{NodeSettings().web.port}" in (_FILES / "prometheus.yml").read_text()


def test_every_metric_is_described(registry: CollectorRegistry) -> None:
    page = (_FILES.parents[1] / "docs" / "guides" / "monitoring.md").read_text()
    own = [each for each in registry.collect() if each.name.startswith("dicom_node_")]
    shown = {f"{each.name}_total" if each.type == "counter" else each.name for each in own}
    assert shown == set(re.findall(r"`(dicom_node_[a-z_]+)`", page))
