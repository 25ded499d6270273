"""Which series of a study is analysed, and why: one is, the others are left out with a reason.

Anything that could be a chest CT has several series: localizers, sagittal and coronal
reformations, the same slices by several kernels or in several thicknesses. The thinnest axial one
with a soft or a lung kernel is measured (paper 5 works on axial slices). What has one Series
Instance UID but is several stacks (`stacks`) is parted before, and each counts for itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset

from ai_engine.ct.geometry import MINIMUM_SLICES, is_axial
from ai_engine.ct.kernels import Kernel, kernel_of
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.slices import Slice, read_slices
from ai_engine.ct.stacks import part_series

NOT_SLICES = frozenset({CtRefusalReason.LOCALIZER, CtRefusalReason.PROJECTION})
"""What is taken out of a series, where the rest of it may be measured without."""


SHORTEST = 120.0
"""mm from head to feet below which a stack is of a part of the lungs, if there is a longer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Objects that aren't analysed because they needn't be, and why."""

    series_instance_uid: str
    sop_instance_uids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CtSeries:
    """One series' objects that claim to be slices, or one stack of them, by their headers.

    ``step`` is mm between slices, 0 where it isn't known; ``problem`` says why it can't be measured
    by its headers alone, None where it may be. ``stacks`` is how many stacks its Series Instance
    UID holds; this is one of them.
    """

    series_instance_uid: str
    headers: tuple[Dataset, ...]
    count: int
    step: float
    kernel: Kernel
    is_axial: bool
    problem: CtRefusedError | None
    stacks: int = 1

    @property
    def sop_instance_uids(self) -> tuple[str, ...]:
        """Its objects, in the order of their UIDs."""
        return tuple(sorted(str(header.SOPInstanceUID) for header in self.headers))

    @property
    def words(self) -> str:
        """What it is: number of slices, distance, direction, kernel."""
        count = self.count
        slices = "1 axial slice" if count == 1 else f"{count} axial slices"
        if not self.is_axial:
            slices = "1 not axial slice" if count == 1 else f"{count} not axial slices"
        words = f"{slices} {self.step:g} mm apart" if self.step else slices
        return f"{words}, {self.kernel.words}"

    @property
    def rank(self) -> tuple[object, ...]:
        """Smaller is better: measurable, enough slices, long, no bone kernel, thin, soft, many."""
        return (
            self.problem is not None,
            not self.is_axial,
            self.count < MINIMUM_SLICES,
            0.0 < self.count * self.step < SHORTEST,
            self.kernel is Kernel.BONE,
            round(self.step, 1) or np.inf,
            self.kernel,
            -self.count,
            self.series_instance_uid,
        )


def list_series(headers: Iterable[Dataset]) -> tuple[tuple[CtSeries, ...], tuple[LeftOut, ...]]:
    """A study's series, the best first, and the objects that are no slices.

    Parameters
    ----------
    headers
        The objects' data sets; pixel data isn't looked at.
    """
    groups: dict[str, list[Dataset]] = {}
    others: dict[tuple[str, str], list[str]] = {}
    for header in headers:
        uid = str(header.get("SeriesInstanceUID", ""))
        if (reason := _not_a_slice(header)) is not None:
            others.setdefault((uid, reason.value), []).append(str(header.SOPInstanceUID))
        else:
            groups.setdefault(uid, []).append(header)
    series = [
        _series(uid, part, len(parts))
        for uid, group in groups.items()
        for parts in (part_series(group),)
        for part in parts
    ]
    series.sort(key=lambda one: one.rank)
    left_out = tuple(
        LeftOut(series_instance_uid=uid, sop_instance_uids=tuple(sorted(uids)), reason=reason)
        for (uid, reason), uids in sorted(others.items())
    )
    return tuple(series), left_out


def why_chosen(chosen: CtSeries, others: Sequence[CtSeries]) -> str:
    """Say which series was analysed, and why that one."""
    uid = chosen.series_instance_uid
    rest = [other for other in others if other.series_instance_uid != uid]
    count = len({other.series_instance_uid for other in rest}) + 1
    words = f"Analysed: the only series of slices ({chosen.words})."
    if rest:
        words = (
            f"Analysed: {chosen.words}; among {count} series, the thinnest axial one whose "
            "kernel is not for bone."
        )
    if chosen.stacks > 1:
        words += (
            f" Its series holds {chosen.stacks} stacks of images that do not belong together; "
            "the best whole one was taken."
        )
    return words


def why_left_out(series: CtSeries, chosen: CtSeries) -> str:
    """Say why a series, or a stack of the chosen one's series, was not analysed."""
    if series.series_instance_uid != chosen.series_instance_uid:
        return f"another series was analysed ({series.words})"
    if series.count < MINIMUM_SLICES:
        images = "1 image" if series.count == 1 else f"{series.count} images"
        return f"not of the stack that was analysed ({images} of other geometry or acquisition)"
    return f"another acquisition of the same series was analysed ({series.words})"


def _not_a_slice(header: Dataset) -> CtRefusalReason | None:
    try:
        read_slices([header])
    except CtRefusedError as error:
        return error.reason if error.reason in NOT_SLICES else None
    return None


def _series(uid: str, headers: Sequence[Dataset], stacks: int) -> CtSeries:
    problem: CtRefusedError | None = None
    slices: tuple[Slice, ...] = ()
    try:
        slices = read_slices(headers)
    except CtRefusedError as error:
        problem = error
    return CtSeries(
        series_instance_uid=uid,
        headers=tuple(headers),
        count=len(slices) or len(headers),
        step=_step(slices),
        kernel=kernel_of(_kernel_named(headers[0])),
        is_axial=bool(slices) and all(is_axial(entry) for entry in slices),
        problem=problem,
        stacks=stacks,
    )


def _kernel_named(header: Dataset) -> str:
    """A kernel's name; multi-frame objects state it in functional groups (PS3.3 C.8.15.3.6)."""
    levels = [header]
    for groups in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        for group in list(header.get(groups) or ())[:1]:
            levels += list(group.get("CTReconstructionSequence") or ())[:1]
            levels += list(group.get("UnassignedSharedConvertedAttributesSequence") or ())[:1]
    return next((name for each in levels if (name := _first(each.get("ConvolutionKernel")))), "")


def _first(value: object) -> str:
    """The first of several names."""
    if value is None or isinstance(value, str):
        return value or ""
    values = list(value) if isinstance(value, Iterable) else [value]
    return str(values[0]) if values else ""


def _step(slices: Sequence[Slice]) -> float:
    if len(slices) < 2:
        return 0.0
    normal = np.cross(slices[0].columns_along, slices[0].rows_along)
    along = np.sort([float(np.dot(entry.position, normal)) for entry in slices])
    return float(np.round(np.ptp(along) / (len(along) - 1), 3))
