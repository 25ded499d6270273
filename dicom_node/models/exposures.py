"""One exposure that came as two images: FOR PROCESSING and FOR PRESENTATION (PS3.3 C.8.11.1.1.1).

A detector's raw image and what was made of it for reading show one patient once. The latter is what
people read and what models were trained on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pydicom import Dataset

from ai_engine.prediction import Remark, RemarkKind
from ai_engine.preprocessing.header_values import word
from ai_engine.preprocessing.presentation_intent import (
    FOR_PRESENTATION,
    FOR_PROCESSING,
    presentation_intent,
)
from dicom_node.domain.instance import ReceivedInstance

Header = Callable[[ReceivedInstance], Dataset]

_TIMES = (("AcquisitionDate", "AcquisitionTime"), ("AcquisitionDateTime",))
_DETAIL = (
    "This image is for processing; another one of the same exposure is for presentation, and that "
    "one was analysed."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures:
    """``analysed`` are the instances that models look at, ``left_out`` the raw ones beside them."""

    analysed: tuple[ReceivedInstance, ...]
    left_out: tuple[ReceivedInstance, ...] = ()

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What the result says of those that were left out."""
        return tuple(
            Remark(
                kind=RemarkKind.FOR_PROCESSING,
                sop_instance_uid=each.sop_instance_uid,
                detail=_DETAIL,
            )
            for each in self.left_out
        )


def exposures_of(instances: Sequence[ReceivedInstance], header: Header) -> Exposures:
    """Leave out FOR PROCESSING images whose exposure is there FOR PRESENTATION.

    Parameters
    ----------
    instances
        The radiographs of one study.
    header
        Reads an instance's attributes; asked only where a study has both kinds.
    """
    raw = [each for each in instances if _intent(each) == FOR_PROCESSING]
    shown = [each for each in instances if _intent(each) == FOR_PRESENTATION]
    if not raw or not shown:
        return Exposures(analysed=tuple(instances))
    headers = {each.sop_instance_uid: header(each) for each in (*raw, *shown)}
    left_out = tuple(
        each for each in raw if any(_is_same(each, other, headers, raw, shown) for other in shown)
    )
    return Exposures(
        analysed=tuple(each for each in instances if each not in left_out), left_out=left_out
    )


def _intent(instance: ReceivedInstance) -> str:
    return presentation_intent(instance.sop_class_uid, instance.header.presentation_intent)


def _is_same(
    raw: ReceivedInstance,
    shown: ReceivedInstance,
    headers: Mapping[str, Dataset],
    all_raw: Sequence[ReceivedInstance],
    all_shown: Sequence[ReceivedInstance],
) -> bool:
    """By reference, irradiation event or time; without any, by being the only two of a view."""
    first, second = headers[raw.sop_instance_uid], headers[shown.sop_instance_uid]
    sources = second.get("SourceImageSequence") or ()
    if any(word(item, "ReferencedSOPInstanceUID") == raw.sop_instance_uid for item in sources):
        return True
    for keywords in (("IrradiationEventUID",), *_TIMES):
        pair = [tuple(word(each, keyword) for keyword in keywords) for each in (first, second)]
        if all(map(all, pair)):
            return pair[0] == pair[1]
    return [_count(raw, each) for each in (all_raw, all_shown)] == [1, 1] and _is_alike(raw, shown)


def _count(instance: ReceivedInstance, instances: Sequence[ReceivedInstance]) -> int:
    return sum(_is_alike(instance, each) for each in instances)


def _is_alike(one: ReceivedInstance, other: ReceivedInstance) -> bool:
    """Whether two images are of one device, body part, side and view."""
    return _view(one) == _view(other)


def _view(instance: ReceivedInstance) -> tuple[object, ...]:
    header = instance.header
    return (
        header.modality,
        header.device_serial_number,
        header.body_part_examined,
        header.laterality,
        header.view_position,
    )
