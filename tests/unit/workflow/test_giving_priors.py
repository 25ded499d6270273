"""A model that wants priors gets those that are here, and its study waits for no others."""

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from ai_engine.prediction import ModelIdentity, Prediction
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import Prior, PriorState, SearchState
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.priors import PriorStore
from dicom_node.workflow.priors.fetching import PriorFetching
from dicom_node.workflow.priors.giving import Giving
from tests.unit.builders import an_instance
from tests.unit.persistence.test_hotbase import JOB

STUDY, EARLIER = JOB.study_instance_uid, "1.9.9"


@dataclass(slots=True)
class Models:
    """Notes with which images it was asked."""

    wants: bool = True
    given: list[str] = field(default_factory=list)

    def wants_priors(self, model: ModelIdentity) -> bool:
        del model
        return self.wants

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        priors: Sequence[ReceivedInstance] = (),
    ) -> Prediction:
        del instances
        self.given = [each.sop_instance_uid for each in priors]
        return Prediction(model=model, images=())


class Archive:
    """Searches when it is told to, and then finds the earlier study."""

    def __init__(self, ledger: PriorStore) -> None:
        self.ledger = ledger
        self.may_answer = threading.Event()

    def round(self) -> float | None:
        if self.ledger.due(datetime.now(UTC)) is None or not self.may_answer.wait(0.05):
            return None
        self.ledger.keep(
            Prior(
                study_instance_uid=STUDY,
                prior_study_uid=EARLIER,
                archive="PACS",
                study_date="20250101",
                state=PriorState.HELD,
            )
        )
        self.ledger.end(STUDY, SearchState.DONE, at=datetime.now(UTC))
        return 0.0


@dataclass(slots=True, kw_only=True)
class Desk:
    """A study that has arrived, its earlier one, and the search for it."""

    archive: Archive
    fetching: PriorFetching
    models: Models
    ledger: PriorStore
    index: StudyIndex

    def predict(self, patience: float) -> object:
        giving = Giving(
            models=self.models,
            index=self.index,
            priors=self.ledger.of_study,
            wait_for=self.fetching.wait_for,
            patience=patience,
        )
        return giving.predict(JOB, [])


@pytest.fixture
def desk(engine: sa.Engine) -> Iterator[Desk]:
    index, ledger = StudyIndex(engine), PriorStore(engine)
    index.record([an_instance("1.1.1.1", study_instance_uid=STUDY)])
    index.record([an_instance("1.9.9.1", study_instance_uid=EARLIER)])
    archive = Archive(ledger)
    fetching = PriorFetching(
        archive,  # type: ignore[arg-type]
        ledger,
        archive="PACS",
        look_every=0.05,
        clock=lambda: datetime.now(UTC),
    )
    fetching.start()
    fetching.want([STUDY])
    yield Desk(archive=archive, fetching=fetching, models=Models(), ledger=ledger, index=index)
    fetching.stop()


def test_priors_that_come_in_time_are_given(desk: Desk) -> None:
    threading.Timer(0.2, desk.archive.may_answer.set).start()
    assert desk.predict(patience=60) is not None
    assert desk.models.given == ["1.9.9.1"]


def test_a_study_waits_no_longer_than_its_patience(desk: Desk) -> None:
    begun = time.monotonic()
    assert desk.predict(patience=0.3) is not None
    assert time.monotonic() - begun >= 0.3
    assert desk.models.given == []


def test_a_model_that_wants_none_waits_for_none(desk: Desk) -> None:
    desk.models.wants = False
    assert desk.predict(patience=3600) is None


def test_nobody_waits_for_an_archive_that_did_not_answer(desk: Desk) -> None:
    desk.ledger.postpone(STUDY, datetime(2100, 1, 1, tzinfo=UTC), reason="it is away")
    assert desk.fetching.wait_for(STUDY, 3600)


@pytest.mark.parametrize("state", sorted(set(PriorState) - {PriorState.HELD}))
def test_what_came_of_a_prior_in_part_is_not_given(desk: Desk, state: PriorState) -> None:
    desk.archive.may_answer.set()
    assert desk.fetching.wait_for(STUDY, 60)
    (prior,) = desk.ledger.of_study(STUDY)
    desk.ledger.keep(replace(prior, state=state))
    assert desk.predict(patience=60) is not None
    assert desk.models.given == []
