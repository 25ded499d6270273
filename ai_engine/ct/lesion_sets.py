"""Data sets of chest CTs into which lesions were drawn, in MosMedData's layout (`.dataset`).

Volumes are NIfTI, NumPy archives (``hu`` with ``zooms`` in mm and ``affine``, and ``lungs`` where
they are known), or folders of one DICOM series. Which patients are trained, validated and tested on
is said by whoever puts the set together: there are too few to leave it to a hash.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.ct.dataset import SPLIT, MosMedStudy, load_volume
from ai_engine.ct.lungs import find_lungs
from ai_engine.ct.morphology import Mask
from ai_engine.ct.outlined_slices import OutlinedSlice, read_outlined, varied
from ai_engine.ct.refusal import CtRefusedError
from ai_engine.ct.synthetic import Spacing, with_lesions, without_lesions
from ai_engine.ct.volume import CtVolume, read_volume
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError

SIDE = 256
"""Rows and columns beyond which slices are reduced: networks see 160."""

MARGIN = 3
"""Slices that are kept above and below the lungs."""

DRAWN, OUTLINED = "drawn lesions", "outlined lesions"
"""Where masks come from: lesions that were put into a scan, or real ones."""

SLICE_SPACING = (8.0, 1.0, 1.0)
"""mm that single slices are written with: nobody states theirs, and nothing is read from it."""


Row = tuple[str, Split, str, str]
"""Study, part, patient and source, as ``split.csv`` holds them."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ChestVolume:
    """A chest: int16 (slices, rows, columns) from head, front and right, its lungs, mm a voxel."""

    hounsfield: npt.NDArray[np.int16]
    lungs: Mask
    spacing: Spacing


def compose_lesions(
    sources: Sequence[Path],
    out: Path,
    *,
    parts: Mapping[str, Split],
    copies: int,
    seed: int = 1,
    slices: Path | None = None,
    slice_copies: int = 12,
) -> Mapping[Split, int]:
    """Write ``copies`` of each volume with lesions, and one without; count those of each part.

    Parameters
    ----------
    sources
        The volumes; what precedes the first point of a name is the patient.
    out
        New folder: ``studies``, ``masks`` and ``split.csv``.
    parts
        The part of each patient; of those that are not named, the training part.
    seed
        Of what is drawn: the same gives the same set.
    slices
        Folder of single slices on which real lesions were outlined (`.outlined_slices`).
    slice_copies
        Varied copies of each such slice to train on; the others are taken as they are.

    Raises
    ------
    DatasetError
        If ``out`` is not empty, a volume can't be read or has no lungs, a patient is named that
        there is no volume of, or a part is left empty.
    """
    given = part_of_each(sources, out, parts)
    outlined = () if slices is None else tuple(read_outlined(slices))
    _make_folders(out)
    rows: list[Row] = []
    for at, (path, patient, part) in enumerate(given):
        chest = read_chest(path)
        for copy in range(copies + 1):
            name = f"study_{len(rows) + 1:04}"
            _write_copy(
                chest, out, name, np.random.default_rng((seed, at, copy)), ill=copy < copies
            )
            rows.append((name, part, patient, DRAWN))
    rows += add_slices(outlined, out, after=len(rows), copies=slice_copies, seed=seed)
    with (out / SPLIT).open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("study", "part", "patient", "source"))
        table.writerows(rows)
    return {part: sum(row[1] is part for row in rows) for part in Split}


def add_slices(
    slices: Iterable[OutlinedSlice], out: Path, *, after: int, copies: int, seed: int
) -> list[Row]:
    """Write single slices with outlined lesions as studies; their rows of ``split.csv``.

    Parameters
    ----------
    after
        How many studies the set holds already.
    copies
        Varied copies of each slice to train on; the others are taken as they are.
    """
    _make_folders(out)
    rows = []
    for at, one in enumerate(slices, start=after + 1):
        name = f"study_{at:04}"
        many = copies if one.part is Split.TRAIN else 0
        _write_slices(one, out, name, np.random.default_rng((seed, at)), many)
        rows.append((name, one.part, f"{OUTLINED}/{one.patient}", OUTLINED))
    return rows


def _make_folders(out: Path) -> None:
    for folder in ("studies/CT-0", "studies/CT-1", "masks", "lungs"):
        (out / folder).mkdir(parents=True, exist_ok=True)


def part_of_each(
    sources: Sequence[Path], out: Path, parts: Mapping[str, Split]
) -> tuple[tuple[Path, str, Split], ...]:
    """The volumes of a set that is to be made, each with its patient and that one's part.

    Raises
    ------
    DatasetError
        If ``out`` is not empty, a patient is named that there is no volume of, or a part is empty.
    """
    names = {path: path.name.split(".")[0] for path in sources}
    if strange := sorted(set(parts) - set(names.values())):
        raise DatasetError(f"there is no volume of {strange[0]} among {', '.join(names.values())}")
    given = {name: parts.get(name, Split.TRAIN) for name in names.values()}
    if empty := [part.value for part in Split if part not in given.values()]:
        raise DatasetError(
            f"no volume is of the {empty[0]} part: name one patient to validate and one to test"
        )
    if out.exists() and any(out.iterdir()):
        raise DatasetError(f"{out}: is not empty; give a new folder")
    return tuple((path, name, given[name]) for path, name in names.items())


def read_chest(path: Path, *, margin: int = MARGIN) -> ChestVolume:
    """Read a volume and its lungs, cut to the slices that have some and ``margin`` beyond.

    Raises
    ------
    DatasetError
        If it can't be read, or has no lungs.
    """
    if path.suffix == ".npz":
        chest = _of_archive(path)
    else:
        chest = _measured(path, _of_series(path) if path.is_dir() else _of_nifti(path))
    slices = np.flatnonzero(chest.lungs.any(axis=(1, 2)))
    if not len(slices):
        raise DatasetError(f"{path}: no lungs are found in it; leave it out")
    kept = slice(max(int(slices[0]) - margin, 0), int(slices[-1]) + margin + 1)
    return _reduced(chest, kept)


def _of_archive(path: Path) -> ChestVolume:
    try:
        with np.load(path) as stored:
            values, lungs = stored["hu"], stored["lungs"]
            across, down, along = (float(each) for each in stored["zooms"])
            turns = [int(each) for each in np.sign(np.diag(stored["affine"])[:3])]
    except (OSError, ValueError, KeyError) as error:
        raise DatasetError(
            f"{path}: no archive of a volume with hu, lungs, zooms and affine ({error})"
        ) from error
    return ChestVolume(
        hounsfield=from_head(values, turns).astype(np.int16),
        lungs=from_head(lungs, turns) > 0,
        spacing=(along, down, across),
    )


def from_head(values: npt.NDArray[Any], turns: Sequence[int]) -> npt.NDArray[Any]:
    """An array (x, y, z) as (slices from head, rows to the back, columns to the left).

    ``turns`` are 1 where an axis grows to the right, to the front and to the head (NIfTI).
    """
    turned = values[:: turns[0], :: turns[1], :: turns[2]]
    return np.ascontiguousarray(turned.transpose(2, 1, 0)[::-1, ::-1, ::-1])


def _of_nifti(path: Path) -> CtVolume:
    return load_volume(MosMedStudy(name=path.name, grade=0, path=path, mask_path=None))


def _of_series(folder: Path) -> CtVolume:
    found = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        try:
            found.append(dcmread(path))
        except InvalidDicomError:
            continue
    try:
        return read_volume(found)
    except CtRefusedError as error:
        raise DatasetError(f"{folder}: {error}") from error


def _measured(path: Path, volume: CtVolume) -> ChestVolume:
    """A volume with the lungs that the classical method finds, columns growing to the left."""
    try:
        lungs = find_lungs(volume).labels > 0
    except CtRefusedError as error:
        raise DatasetError(f"{path}: {error}") from error
    step = 1 if volume.geometry.left_is_high else -1
    return ChestVolume(
        hounsfield=volume.hounsfield[:, :, ::step],
        lungs=lungs[:, :, ::step],
        spacing=volume.geometry.spacing,
    )


def _reduced(chest: ChestVolume, kept: slice) -> ChestVolume:
    """Some slices, no larger than `SIDE`."""
    hounsfield, lungs = chest.hounsfield[kept], chest.lungs[kept]
    rows, columns = hounsfield.shape[1:]
    if max(rows, columns) <= SIDE:
        return ChestVolume(hounsfield=hounsfield, lungs=lungs, spacing=chest.spacing)
    shrink = SIDE / max(rows, columns)
    size = (round(columns * shrink), round(rows * shrink))
    along, down, across = chest.spacing
    return ChestVolume(
        hounsfield=np.rint(_resized(hounsfield, size)).astype(np.int16),
        lungs=_resized(lungs, size) >= 0.5,
        spacing=(along, down * rows / size[1], across * columns / size[0]),
    )


def _resized(planes: npt.NDArray[Any], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    return np.stack(
        [
            cv2.resize(plane.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            for plane in planes
        ]
    )


def _write_copy(
    chest: ChestVolume, out: Path, name: str, rng: np.random.Generator, *, ill: bool
) -> None:
    """Write a volume and its mask; both grades have masks, an empty one says that there is none."""
    if ill:
        made, mask = with_lesions(chest.hounsfield, chest.lungs, chest.spacing, rng)
    else:
        made = without_lesions(chest.hounsfield, chest.lungs, rng)
        mask = np.zeros(chest.lungs.shape, bool)
    study = ChestVolume(hounsfield=made, lungs=chest.lungs, spacing=chest.spacing)
    _write_study(out, name, study, mask, grade=int(ill))


def _write_slices(
    found: OutlinedSlice, out: Path, name: str, rng: np.random.Generator, copies: int
) -> None:
    """Write a slice, and varied copies of it, as one study."""
    planes = [found, *(varied(found, rng) for _ in range(copies))]
    hounsfield, mask, lungs = (
        np.stack([getattr(plane, kind) for plane in planes])
        for kind in ("hounsfield", "lesions", "lungs")
    )
    study = ChestVolume(hounsfield=hounsfield, lungs=lungs, spacing=SLICE_SPACING)
    _write_study(out, name, study, mask, grade=1)


def _write_study(out: Path, name: str, chest: ChestVolume, mask: Mask, *, grade: int) -> None:
    for values, place in (
        (chest.hounsfield, f"studies/CT-{grade}/{name}.nii.gz"),
        (mask.astype(np.uint8), f"masks/{name}_mask.nii.gz"),
        (chest.lungs.astype(np.uint8), f"lungs/{name}_lungs.nii.gz"),
    ):
        write_volume(values, chest.spacing, out / place)


def write_volume(values: npt.NDArray[Any], spacing: Spacing, path: Path) -> None:
    """Write (slices from head, rows to the back, columns to the left) as `dataset` reads NIfTI."""
    import nibabel  # noqa: PLC0415 - only for this data set

    along, down, across = spacing
    turned = np.ascontiguousarray(values[::-1, ::-1, ::-1].transpose(2, 1, 0))
    nibabel.save(nibabel.Nifti1Image(turned, np.diag([across, down, along, 1.0])), path)
