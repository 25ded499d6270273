"""Studies that are wanted, one after the other, for as long as the node runs."""

from collections.abc import Sequence
from datetime import timedelta
from typing import cast

import sqlalchemy as sa

from dicom_node.domain.delivery import RetryPolicy
from dicom_node.domain.found import FoundSeries, ListedInstance
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.wanted_study import WantedStudy
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.wanted import WantedStore
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.wanted import StudyArchive, StudyFetching
from dicom_node.workflow.patience import Patience
from dicom_node.workflow.testing.fakes import FakeClock
from tests.unit.builders import EPOCH, an_instance


def test_a_node_that_stops_fetches_one_study_to_its_end_and_no_other(engine: sa.Engine) -> None:
    book, asked = WantedStore(engine), list[str]()
    for study in ("1.1", "1.2", "1.3"):
        book.want(WantedStudy(study_instance_uid=study, archive="PACS", sender="WS1"), at=EPOCH)

    def archive(title: str) -> StudyArchive:
        asked.append(title)
        raise NotFoundError("nobody administers it")

    fetching = StudyFetching(
        book=book,
        index=StudyIndex(engine),
        archive=archive,
        completion=cast("Completion", None),  # nothing comes
        patience=Patience(
            policy=RetryPolicy(
                first_delay=timedelta(minutes=1), longest_delay=timedelta(minutes=1)
            ),
            clock=FakeClock(EPOCH),
        ),
        is_over=lambda: bool(asked),
    )
    fetching.sweep()
    assert asked == ["PACS"]


class Half:
    """An archive with two images of a study, and what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def series_of(self, study_instance_uid: str) -> tuple[FoundSeries, ...]:
        return ()

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        return tuple(
            ListedInstance(sop_instance_uid=uid, sop_class_uid="1.2", series_instance_uid="1.1.1")
            for uid in ("1.1.1.1", "1.1.1.2")
        )

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        self.asked += [each.sop_instance_uid for each in wanted]
        return tuple(
            an_instance(each.sop_instance_uid, study_instance_uid=study_instance_uid)
            for each in wanted
        )


class Expected:
    """Who is told that a study is there."""

    def __init__(self) -> None:
        self.studies: list[str] = []

    def expect(self, study_instance_uid: str) -> None:
        self.studies.append(study_instance_uid)


def test_what_the_node_has_of_a_study_is_not_fetched_again(engine: sa.Engine) -> None:
    book, index, archive, told = WantedStore(engine), StudyIndex(engine), Half(), Expected()
    index.record([an_instance("1.1.1.1", study_instance_uid="1.1")])
    book.want(WantedStudy(study_instance_uid="1.1", archive="PACS", sender="WS1"), at=EPOCH)
    StudyFetching(
        book=book,
        index=index,
        archive=lambda _title: archive,
        completion=cast("Completion", told),
        patience=Patience(policy=RetryPolicy(), clock=FakeClock(EPOCH)),
        is_over=lambda: False,
    ).sweep()
    assert archive.asked == ["1.1.1.2"]
    assert {each.sop_instance_uid for each in index.instances("1.1")} == {"1.1.1.1", "1.1.1.2"}
    assert told.studies == ["1.1"]
