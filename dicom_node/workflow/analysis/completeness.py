"""Signs that a study may lack images: what its images say there should be, against what came.

Images do not say that a study is whole, so these are signs and no proof: a result of such a study
is made, and says that it may be incomplete. So it does where what the modality has reported itself
(MPPS), or an archive, did not come.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from ai_engine.prediction import Remark, RemarkKind
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.performed_step import Announced

# A series of slices is numbered through. The images of a radiographic or ultrasound study are
# numbered as they were taken, and what was rejected at the modality has left its number behind.
_NUMBERED_THROUGH = frozenset({"CT", "MR", "PT", "NM"})
_FEWEST = 3
_PHASE = 100
_PREFIX = "The study may be incomplete"


def signs_of_incompleteness(
    study: Sequence[ReceivedInstance], sop_instance_uids: Iterable[str]
) -> Iterator[Remark]:
    """Yield a remark for each sign that images are missing beside those that a job is about.

    Parameters
    ----------
    study
        All that was received of the study, without what the node made itself.
    sop_instance_uids
        The images that the job is about.
    """
    wanted = frozenset(sop_instance_uids)
    by_series: dict[str, list[ReceivedInstance]] = {}
    for each in study:
        by_series.setdefault(each.series_instance_uid, []).append(each)
    of_study = _missing_in_study(study)
    for series in by_series.values():
        about = next((each for each in series if each.sop_instance_uid in wanted), None)
        if about is None:
            continue
        words = [*_counted(series), *_gaps(series), *of_study]
        of_study = ()  # once for the whole study
        if words:
            yield Remark(
                kind=RemarkKind.MAY_BE_INCOMPLETE,
                sop_instance_uid=about.sop_instance_uid,
                detail=" ".join(words),
            )


def signs_of_reports(
    announced: Announced, study: Sequence[ReceivedInstance], sop_instance_uids: Iterable[str]
) -> Iterator[Remark]:
    """Yield a remark where what others said of a study is not what came, or not over.

    Parameters
    ----------
    announced
        What was announced of the study.
    study
        All that was received of it, without what the node made itself.
    sop_instance_uids
        The images that the job is about.
    """
    wanted = frozenset(sop_instance_uids)
    about = next((each for each in study if each.sop_instance_uid in wanted), None)
    words = tuple(_reported(announced))
    if about is not None and words:
        yield Remark(
            kind=RemarkKind.MAY_BE_INCOMPLETE,
            sop_instance_uid=about.sop_instance_uid,
            detail=" ".join(words),
        )


def _reported(announced: Announced) -> Iterator[str]:
    if announced.under_way:
        yield f"{_PREFIX}: its modality has not reported the procedure step as completed."
    for reason in announced.discontinued:
        yield (
            f"{_PREFIX}: its modality discontinued the procedure step, because of: {reason}."
            if reason
            else f"{_PREFIX}: its modality discontinued the procedure step."
        )
    for series in announced.series:
        if series.missing and series.has_begun:
            yield (
                f"{_PREFIX}: {series.missing} of {_objects(series.announced)} of a series did not "
                "come that were reported as made or as available."
            )


def _counted(series: Sequence[ReceivedInstance]) -> Iterator[str]:
    """Number of Series Related Instances (0020,1209): how many its archive had when it sent it."""
    stated = max((each.header.series_related_instances or 0 for each in series), default=0)
    if stated > len(series):
        yield (
            f"{_PREFIX}: {_objects(len(series))} of a series came, which has {stated} by what its "
            "images say."
        )


def _missing_in_study(study: Sequence[ReceivedInstance]) -> tuple[str, ...]:
    """Number of Study Related Instances (0020,1208), likewise."""
    stated = max((each.header.study_related_instances or 0 for each in study), default=0)
    if stated <= len(study):
        return ()
    came = _objects(len(study))
    return (f"{_PREFIX}: {came} of it came, and it has {stated} by what its images say.",)


def _gaps(series: Sequence[ReceivedInstance]) -> Iterator[str]:
    """Instance Number (0020,0013): what is missing between the first and the last of a series."""
    modalities = {each.header.modality for each in series}
    stated = (each.header.instance_number for each in series)
    numbers = sorted({number for number in stated if number is not None})
    if not modalities <= _NUMBERED_THROUGH or len(numbers) < _FEWEST:
        return
    steps = Counter(
        later - earlier
        for earlier, later in pairwise(numbers)
        if not _begins_phase(later, after=numbers[0])
    )
    usual, often = min(steps.most_common(), key=lambda one: (-one[1], one[0]))
    if 2 * often < len(numbers):  # numbered by a scheme of its own
        return
    missing = sum((step // usual - 1) * count for step, count in steps.items() if step > usual)
    if 0 < missing <= len(numbers):
        yield (
            f"{_PREFIX}: {missing} of the instance numbers {numbers[0]} to {numbers[-1]} of a "
            "series did not come."
        )


def _begins_phase(number: int, *, after: int) -> bool:
    """Whether a number begins another phase of those that are numbered 101, 102, … 201, 202, …"""
    return after >= _PHASE and after % _PHASE <= 1 and number % _PHASE == after % _PHASE


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
