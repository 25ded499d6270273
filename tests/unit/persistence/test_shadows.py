"""Which version runs as shadow, what it has still to look at, and what it said."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dicom_node.domain.observation import Observation
from dicom_node.domain.shadow import Shadow, ShadowScore
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.tables import AUDIT
from dicom_node.persistence.devices.observations import ObservationStore
from dicom_node.persistence.devices.shadows import ShadowStore
from tests.unit.builders import EPOCH

SHADOW = Shadow(
    model_name="chest", version="2.1.0", weights_digest="b" * 64, since=EPOCH, actor="ann"
)


def observed(job: str, *, days: int = 1, digest: str = "a" * 64) -> Observation:
    return Observation(
        job_id=job,
        sop_instance_uid=f"1.{job}",
        frame_number=None,
        device_id="cr1",
        model_name="chest",
        weights_digest=digest,
        observed_at=EPOCH + timedelta(days=days),
        scores={"Pneumonia": 0.25},
    )


def said(job: str) -> ShadowScore:
    return ShadowScore(
        job_id=job,
        sop_instance_uid=f"1.{job}",
        device_id="cr1",
        model_name="chest",
        weights_digest=SHADOW.weights_digest,
        champion_digest="a" * 64,
        scored_at=EPOCH,
        scores={"Pneumonia": 0.75},
        champion_scores={"Pneumonia": 0.25},
        champion_calls={"Pneumonia": False},
    )


@pytest.fixture
def store(engine: sa.Engine) -> ShadowStore:
    return ShadowStore(engine)


def test_one_version_of_a_model_runs_as_shadow_until_it_is_ended(
    store: ShadowStore, engine: sa.Engine
) -> None:
    store.set(SHADOW)
    other = replace(SHADOW, version="2.2.0", weights_digest="c" * 64)
    store.set(other)
    assert store.of("chest") == other
    assert store.end("chest", actor="tom", at=EPOCH) == other
    assert store.all() == ()
    with pytest.raises(NotFoundError, match="no version of chest runs as shadow"):
        store.end("chest", actor="tom", at=EPOCH)
    with engine.connect() as connection:
        rows = connection.execute(sa.select(AUDIT.c.action, AUDIT.c.actor)).all()
    assert [tuple(row) for row in rows] == [
        ("shadow on", "ann"), ("shadow on", "ann"), ("shadow off", "tom"),
    ]  # fmt: skip


def test_a_shadow_looks_once_at_what_the_champion_saw_since(
    store: ShadowStore, engine: sa.Engine
) -> None:
    ObservationStore(engine).observe([observed("before", days=-1)])
    for job, days in (("late", 3), ("early", 2)):
        ObservationStore(engine).observe([observed(job, days=days)])
    # Once promoted, the version's own observations are nothing to look at again.
    ObservationStore(engine).observe([observed("own", digest=SHADOW.weights_digest)])
    waiting = store.pending(SHADOW, limit=10)
    assert [each.job_id for each in waiting] == ["early", "late"]
    assert waiting[0].scores == {"Pneumonia": 0.25}
    store.keep([said("early")])
    store.keep([said("early")])
    assert [each.job_id for each in store.pending(SHADOW, limit=10)] == ["late"]
    assert store.pending(SHADOW, limit=0) == ()
    assert list(store.scores("chest", SHADOW.weights_digest)) == [said("early")]
    assert list(store.scores("chest", "c" * 64)) == []
