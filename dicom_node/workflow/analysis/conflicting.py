"""What results say of images under whose SOP Instance UID other content came as well.

Where a UID stands for two objects, nobody but a person can say which is meant.
"""

from collections.abc import Callable, Iterator, Sequence

from ai_engine.prediction import Remark, RemarkKind
from dicom_node.domain.instance import Conflict
from dicom_node.domain.job import Job

FindsConflicts = Callable[[str], Sequence[Conflict]]
"""Says what of a study came under a SOP Instance UID that was taken."""


def no_conflicts(_study: str) -> tuple[Conflict, ...]:
    """Know of none."""
    return ()


def conflict_remark(job: Job, conflicts: Sequence[Conflict]) -> Iterator[Remark]:
    """Yield a remark where images of a job came twice."""
    others = {each.sop_instance_uid for each in conflicts}
    if twice := sorted(others.intersection(job.sop_instance_uids)):
        yield Remark(
            kind=RemarkKind.HEADER_VALUES,
            sop_instance_uid=twice[0],
            detail=_said(len(twice)),
        )


def is_of_conflict(detail: str) -> bool:
    """Whether a remark's words say that images came twice."""
    before_the_number, _, _ = _said(0).partition("0")
    return detail.startswith(before_the_number)


def _said(count: int) -> str:
    return (
        "Images that came twice, with other content under the same SOP Instance UID: "
        f"{count}. What came first was analysed."
    )
