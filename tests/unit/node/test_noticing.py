"""What a node tells: its problems, suspensions, drift and urgent findings; and no patient data."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.configuration.channels import ChannelFile
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.notice import Channel, Weight
from dicom_node.domain.observation import Suspension
from dicom_node.node.clock import utc_now
from dicom_node.node.health import standing_problems
from dicom_node.node.noticing import channel_file, make_teller
from dicom_node.node.repositories import Repositories
from dicom_node.notices.teller import Teller
from dicom_node.persistence.corridor.tables import FINDINGS
from tests.peers.notified import Hook, webhook
from tests.peers.office import ANALYSED, add_peers, add_traffic
from tests.schema import give_schemas


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    made = Repositories(
        NodeSettings.model_validate(
            {
                "data_dir": tmp_path,
                "network": {"min_free_bytes": 0},
                "notifications": {
                    "address": "https://ai.example.org",
                    "settle": 0,
                    "urgent": ["Abnormal>=0.9"],
                },
            }
        )
    )
    give_schemas(made)
    add_peers(made)
    add_traffic(made)
    yield made
    made.close()


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook() as made:
        yield made


def _teller(stores: Repositories) -> Teller:
    return make_teller(
        stores,
        problems=lambda: tuple(standing_problems(stores.settings, stores)),
        drifts=tuple,
    )


def _find(stores: Repositories, probability: float, threshold: float = 0.5) -> None:
    row = {
        "job_id": "1" * 32,
        "sop_instance_uid": f"{ANALYSED}.1",
        "label": "Abnormal",
        "probability": probability,
        "threshold": threshold,
    }
    with stores.engine.begin() as connection:
        connection.execute(sa.insert(FINDINGS).values(**row))


@pytest.mark.slow
def test_failed_studies_given_up_deliveries_and_suspensions_are_told_once(
    stores: Repositories, hook: Hook
) -> None:
    book: ChannelFile = channel_file(stores.settings)
    book.add(Channel(name="it", url=hook.url()))
    stores.observations.suspend(
        Suspension(
            device_id="d1", model_name="m", at=utc_now(), actor="rita", reason="Doe^Jane was wrong"
        )
    )
    assert _teller(stores).look() == 1
    (post,) = hook.posts
    for words in ("1 study failed", "given up: 2 deliveries to ARCHIVE", "model m is suspended"):
        assert words in post["message"]
    assert "https://ai.example.org/studies?shown=failed" in post["message"]
    assert "Doe" not in post["message"], "what people type may name a patient"
    assert _teller(stores).look() == 0
    stores.index.reopen_failed()
    assert _teller(stores).look() == 1
    assert "well again: 1 study failed" in hook.posts[-1]["title"]


@pytest.mark.parametrize(
    ("probability", "threshold", "told"), [(0.95, 0.5, 1), (0.85, 0.5, 0), (0.95, 0.97, 0)]
)
def test_a_finding_is_urgent_by_its_rule_and_at_its_threshold(
    stores: Repositories, hook: Hook, probability: float, threshold: float, told: int
) -> None:
    channel_file(stores.settings).add(
        Channel(name="readers", url=hook.url(), weights=frozenset({Weight.FINDING}))
    )
    _find(stores, probability, threshold)
    assert _teller(stores).look() == told
    assert _teller(stores).look() == 0
    if told:
        assert f"https://ai.example.org/worklist/items/{'1' * 32}" in hook.posts[0]["message"]
        assert ANALYSED in hook.posts[0]["message"]


@pytest.mark.slow
def test_a_database_that_is_away_is_told_and_nothing_is_said_to_be_well_meanwhile(
    stores: Repositories, hook: Hook
) -> None:
    channel_file(stores.settings).add(Channel(name="it", url=hook.url()))
    teller = _teller(stores)
    assert teller.look() == 1
    database = stores.settings.data_dir / "hotbase.sqlite"
    kept = database.with_suffix(".kept")
    stores.engine.dispose()
    database.rename(kept)
    database.mkdir()
    assert teller.look() == 1
    assert "the database cannot be read" in hook.posts[-1]["title"]
    assert "well again" not in hook.posts[-1]["message"].lower()
    assert teller.look() == 0, "told once, though nothing could be noted"
    stores.engine.dispose()
    database.rmdir()
    kept.rename(database)
    assert teller.look() == 1
    assert "well again: the database cannot be read" in hook.posts[-1]["title"]
    assert _teller(stores).look() == 0, "a restart knows all of it"
