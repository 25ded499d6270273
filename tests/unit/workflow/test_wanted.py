"""Studies that are wanted, one after the other, for as long as the node runs."""

from datetime import timedelta
from typing import cast

import sqlalchemy as sa

from dicom_node.domain.delivery import RetryPolicy
from dicom_node.domain.wanted_study import WantedStudy
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.wanted import WantedStore
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.wanted import StudyArchive, StudyFetching
from dicom_node.workflow.patience import Patience
from dicom_node.workflow.testing.fakes import FakeClock
from tests.unit.builders import EPOCH


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
