"""``dicom-node deliveries`` and ``status``: what was given up is shown and sent again in bulk."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from dicom_node.configuration.settings import load_settings
from dicom_node.domain.delivery import DeliveryState
from dicom_node.node.repositories import Repositories
from tests.schema import give_schemas
from tests.unit.builders import EPOCH, STUDY, an_instance
from tests.unit.cli.test_device_commands import CONFIG, dicom_node
from tests.unit.persistence.test_hotbase import JOB

pytestmark = pytest.mark.slow


@pytest.fixture
def repositories(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repositories]:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    made = Repositories(load_settings(CONFIG))
    give_schemas(made)
    made.index.record([an_instance("1.1")])
    made.hotbase.add_job(JOB, at=EPOCH)
    for number, title in enumerate(("PACS", "OTHER")):
        planned = made.deliveries.plan(JOB.job_id, title, at=EPOCH + timedelta(days=number))
        made.deliveries.move(
            planned.delivery_id, DeliveryState.FAILED, at=EPOCH, error="no such SOP Class"
        )
    yield made
    made.close()


def test_what_was_given_up_is_listed_with_its_study_and_reason(repositories: Repositories) -> None:
    assert repositories.deliveries.given_up_counts() == {"PACS": 1, "OTHER": 1}
    said = dicom_node("deliveries", "list", "PACS").output
    assert STUDY in said
    assert "no such SOP Class" in said
    assert "Given up: 1 delivery to OTHER" in dicom_node("status").output


def test_it_is_sent_again_by_one_command_by_destination_and_day(
    repositories: Repositories,
) -> None:
    later = (EPOCH + timedelta(days=1)).strftime("%Y-%m-%d")
    assert "0 deliveries" in dicom_node("deliveries", "retry", "PACS", "--since", later).output
    assert "1 delivery" in dicom_node("deliveries", "retry", "--since", later).output
    assert "1 delivery" in dicom_node("deliveries", "retry", "PACS").output
    assert repositories.deliveries.given_up_counts() == {}
    assert "No delivery was given up." in dicom_node("deliveries", "list").output
