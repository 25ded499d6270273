"""Radiographs that came with a job's images and are not analysed: other views, rejected repeats.

A repeat is taken because something was wrong with the image before it. What was rejected, by a key
object selection (PS3.16 TID 2010) or in its header, does not count while a valid one is there.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from pydicom.uid import KeyObjectSelectionDocumentStorage

from ai_engine.prediction import Refusal, RefusalReason, Remark, RemarkKind
from ai_engine.preprocessing.unusual import is_rejected
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.domain.route import BODY_PART, MODALITY, Route, is_radiograph
from dicom_node.workflow.ports import ObjectArchive
from sr_templates.report_reading import UNREADABLE, rejected_objects

_LOG = logging.getLogger(__name__)
_FEWEST = 2

REJECTED = "it was rejected or is for quality control, and another image was analysed"
REJECTED_ALONE = (
    "The image was rejected or is for quality control, and was analysed because no valid one is "
    "there."
)
_NOT_WANTED: Mapping[str, str] = MappingProxyType(
    {
        "view": "the route is for other views",
        BODY_PART: "the route is for another body part",
        MODALITY: "the route is for another modality",
    }
)
_OTHERWISE = "the route is not for such images"

FindsRejected = Callable[[Sequence[ReceivedInstance]], frozenset[str]]
"""Says which images of a study were rejected, by SOP Instance UID."""


def nothing_rejected(_study: Sequence[ReceivedInstance]) -> frozenset[str]:
    """Take every image as valid."""
    return frozenset()


class RejectedImages:
    """Finds what was rejected among the objects of a study, in the archive's files."""

    def __init__(self, archive: ObjectArchive) -> None:
        self._archive = archive

    def among(self, study: Sequence[ReceivedInstance]) -> frozenset[str]:
        """Return the images that were rejected; headers are read where there are several."""
        if len(study) < _FEWEST:
            return frozenset()
        radiographs = [each for each in study if is_radiograph(each)]
        named = {
            uid
            for each in study
            if each.sop_class_uid == KeyObjectSelectionDocumentStorage
            for uid in self._rejected_by(each)
        }
        stated = {
            each.sop_instance_uid
            for each in radiographs
            if len(radiographs) >= _FEWEST and self._is_rejected(each)
        }
        return frozenset(named | stated)

    def _rejected_by(self, selection: ReceivedInstance) -> tuple[str, ...]:
        try:
            return rejected_objects(self._archive.source(selection.path))
        except UNREADABLE as error:
            _LOG.warning(
                "selection not read sop=%s reason=%s",
                selection.sop_instance_uid,
                type(error).__name__,
            )
            return ()

    def _is_rejected(self, instance: ReceivedInstance) -> bool:
        try:
            return is_rejected(self._archive.source(instance.path))
        except UNREADABLE:  # its analysis says what is wrong with it
            return False


def set_aside(
    job: Job,
    study: Sequence[ReceivedInstance],
    routes: Sequence[Route],
    rejected: frozenset[str],
) -> Iterator[Refusal]:
    """Yield a refusal for each radiograph of a study that no job is about, with the reason.

    Parameters
    ----------
    study
        All that was received of the study, without what the node made itself.
    routes
        The routes that there are; what another one may want is left to its own result.
    rejected
        The images that were rejected, by SOP Instance UID.
    """
    own = next((each for each in routes if each.name == job.route), None)
    for instance in study:
        uid = instance.sop_instance_uid
        if uid in job.sop_instance_uids or instance.conflict or not is_radiograph(instance):
            continue
        if uid in rejected:
            yield Refusal(sop_instance_uid=uid, reason=RefusalReason.NOT_EXPECTED, detail=REJECTED)
        elif own is not None and (why := _unwanted(own, instance)):
            others = (each for each in routes if each is not own)
            if not any(each.matches(instance) or each.asks_pixels(instance) for each in others):
                yield Refusal(sop_instance_uid=uid, reason=RefusalReason.NO_IMAGE_MODEL, detail=why)


def rejected_alone(analysed: frozenset[str], rejected: frozenset[str]) -> Iterator[Remark]:
    """Yield a remark for each image that was analysed although it was rejected."""
    for uid in sorted(analysed & rejected):
        yield Remark(kind=RemarkKind.UNLIKE_TRAINING, sop_instance_uid=uid, detail=REJECTED_ALONE)


def _unwanted(route: Route, instance: ReceivedInstance) -> str:
    """Say by which condition a route does not want an image; nothing where its tags let it in."""
    failed = [each.condition for each in route.verdicts(instance) if not each.holds]
    if not failed:
        return ""
    return next((words for each, words in _NOT_WANTED.items() if each in failed), _OTHERWISE)
