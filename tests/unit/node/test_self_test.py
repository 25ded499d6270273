"""The self-test says why no result came back, runs once at a time, and leaves nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.uploads import BusyError, IncomingObject, Kept, NotKept, Sender, Upload
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.self_test import StageTime
from dicom_node.domain.study import StudyState
from dicom_node.errors import ConflictError
from dicom_node.network.object_buffer import BoundedBuffer, ObjectLimits
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.node.self_test import SelfTest
from tests.schema import give_schemas
from tests.unit.builders import an_instance


class Intake:
    """Takes an upload into the index, where a study then ends in ``state``."""

    def __init__(
        self, stores: Repositories, state: StudyState | None, *, kept: bool = True
    ) -> None:
        self._stores = stores
        self._state = state
        self._kept = kept
        self.test: SelfTest | None = None
        self.study = ""

    def open(self, sender: Sender, study_instance_uid: str | None) -> Upload:
        assert study_instance_uid is not None
        self.study = study_instance_uid
        if self._state is None:
            raise BusyError("the node is stopping: send it again later")
        return self

    def begin(self) -> IncomingObject:
        return BoundedBuffer(ObjectLimits(max_bytes=2**30))

    def take(self, incoming: IncomingObject, location: str) -> Kept | NotKept:
        assert isinstance(incoming, BoundedBuffer)
        assert bytes(incoming.getbuffer()[128:132]) == b"DICM"
        if not self._kept:
            return NotKept(failure_reason=0xA700, words="the disk is full")
        image = an_instance(
            f"{self.study}.1", study_instance_uid=self.study, path=f"SELF_TEST/{self.study}.dcm"
        )
        self._stores.index.record([image])
        return Kept(
            study_instance_uid=self.study,
            series_instance_uid=image.series_instance_uid,
            sop_class_uid=image.sop_class_uid,
            sop_instance_uid=image.sop_instance_uid,
            location=location,
        )

    def end(self, end: AssociationEnd) -> None:
        del end
        if self.test is not None:
            with pytest.raises(ConflictError, match="runs already"):
                self.test.start()
            assert self.test.run() is None
        if self._kept and self._state is not None:
            claimed = self._stores.index.claim(self.study, by="w", at=utc_now())
            assert claimed is not None
            self._stores.index.finish(claimed, self._state, "no route wants it")


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    made = Repositories(NodeSettings(data_dir=tmp_path))
    give_schemas(made)
    made.received.open()
    made.evidence.open()
    yield made
    made.close()


def _test(stores: Repositories, intake: Intake) -> SelfTest:
    return SelfTest(
        stores,
        uploads=intake,
        stages=lambda workflow: (StageTime(name=f"route of {workflow}", seconds=0.5),),
        clock=utc_now,
    )


@pytest.mark.parametrize(
    ("state", "kept", "why"),
    [
        (StudyState.NOT_ROUTED, True, "the study is not routed: no route wants it"),
        (StudyState.FAILED, True, "the study is failed: no route wants it"),
        (StudyState.ANALYSED, True, "no result was made that may be sent"),
        (StudyState.ANALYSED, False, "the study was not stored: the disk is full"),
        (None, True, "the node is stopping: send it again later"),
    ],
)
def test_what_went_wrong_is_said_and_degrades_the_health(
    stores: Repositories, state: StudyState | None, kept: bool, why: str
) -> None:
    intake = Intake(stores, state, kept=kept)
    test = _test(stores, intake)
    result = test.run()
    assert result is not None
    assert result.problem == why
    assert not result.passed
    (problem,) = test.problems()
    assert why in problem.words
    assert not stores.index.knows(intake.study), "nothing of it stays"


@pytest.mark.slow
def test_stages_have_their_times_and_only_one_test_runs(stores: Repositories) -> None:
    intake = Intake(stores, StudyState.NOT_ROUTED)
    intake.test = test = _test(stores, intake)
    result = test.run()
    assert result is not None
    assert [each.name for each in result.stages] == ["receive", "route of w"]
    assert test.last is result
    assert not test.is_running


def test_before_the_first_there_is_nothing_to_say(stores: Repositories) -> None:
    test = _test(stores, Intake(stores, None))
    assert test.last is None
    assert list(test.problems()) == []
