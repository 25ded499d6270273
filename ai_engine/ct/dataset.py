"""Reader for MosMedData: Chest CT Scans with COVID-19 Related Findings, as it is distributed.

    studies/CT-0/study_0001.nii.gz … studies/CT-4/study_1110.nii.gz
    masks/study_0255_mask.nii.gz                                    (50 of the CT-1 studies)

    split.csv                                                       (ours, may be absent)
    lungs/study_0255_lungs.nii.gz                                   (ours, may be absent)

``split.csv`` (study, part) says which studies are trained, validated and tested on where several
are of one patient, as in sets that are drawn up here; its column ``source`` parts figures, and its
column ``patient`` says which studies resemble each other. Lungs
are there for a baseline that needs them: what is dense within.

The folder is the grade: CT-0 no pneumonia, CT-1 to CT-4 up to 25, 50, 75 and 100 % of the lungs.
Source: Morozov, Andreychenko et al., arXiv 2005.06465. Reading NIfTI needs nibabel, which the
``train`` extra brings.
"""

import csv
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask
from ai_engine.ct.slices import SliceReference
from ai_engine.ct.volume import LIMITS, CtVolume, VolumeGeometry
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError

GRADES = 5
STUDY = re.compile(r"(study_\d+)\.nii(\.gz)?")
SPLIT = "split.csv"
MASK = re.compile(r"(study_\d+)_mask\.nii(\.gz)?")
LUNGS = re.compile(r"(study_\d+)_lungs\.nii(\.gz)?")

SHARES = (0.8, 0.1)
"""Parts of the studies to train on and to validate with; the rest is tested on (section 5.5)."""

FEWEST = 3
"""Studies that three parts need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MosMedStudy:
    """One study: ``grade`` is 0 to 4, ``mask_path`` None where no lesions were drawn.

    ``part`` is the part that ``split.csv`` puts it into, None without that file; ``source`` is
    where its masks come from, empty where all are of one kind; ``patient`` is empty where each
    study is of another one. ``lungs_path`` is None where no lungs lie beside it.
    """

    name: str
    grade: int
    path: Path
    mask_path: Path | None
    part: Split | None = None
    source: str = ""
    patient: str = ""
    lungs_path: Path | None = None


def read_mosmed(folder: Path) -> tuple[MosMedStudy, ...]:
    """List the studies, by name.

    Raises
    ------
    DatasetError
        If the folder isn't laid out like this, a study is in two grades, or a mask has no study.
    """
    if not (folder / "studies").is_dir():
        raise DatasetError(
            f"{folder}: no folder 'studies' with CT-0 to CT-4; name the unpacked set"
        )
    masks = _by_study(folder / "masks", MASK)
    lungs = _by_study(folder / "lungs", LUNGS)
    parts = _stated_parts(folder / SPLIT)
    studies: dict[str, MosMedStudy] = {}
    for grade in range(GRADES):
        for path in sorted((folder / "studies" / f"CT-{grade}").glob("*")):
            found = STUDY.fullmatch(path.name)
            if found is None:
                continue
            name = found.group(1)
            if name in studies:
                raise DatasetError(f"{path}: the study is in CT-{studies[name].grade} as well")
            studies[name] = MosMedStudy(
                name=name,
                grade=grade,
                path=path,
                mask_path=masks.get(name),
                lungs_path=lungs.get(name),
                **parts.get(name, {}),
            )
    if not studies:
        raise DatasetError(f"{folder}/studies: no study_NNNN.nii.gz in CT-0 to CT-4")
    if lost := sorted(set(masks) - set(studies)):
        raise DatasetError(f"{masks[lost[0]]}: there is no study for this mask")
    if parts and (without := sorted(set(studies) - set(parts))):
        raise DatasetError(f"{folder / SPLIT}: says nothing of {without[0]}; add it, or its file")
    return tuple(studies[name] for name in sorted(studies))


def split_studies(studies: Sequence[MosMedStudy]) -> dict[Split, tuple[MosMedStudy, ...]]:
    """The studies with a mask, by part: in the order of a hash of their names, so always the same.

    Raises
    ------
    DatasetError
        If fewer studies have masks than there are parts.
    """
    drawn = [study for study in studies if study.mask_path is not None]
    if len(drawn) < FEWEST:
        where = studies[0].path.parents[2] if studies else "the data set"
        raise DatasetError(
            f"{where}: {len(drawn)} studies have a mask in 'masks', at least {FEWEST} are needed "
            "to train, validate and test; fetch the masks too"
        )
    if all(study.part is not None for study in drawn):
        stated = {split: tuple(study for study in drawn if study.part is split) for split in Split}
        if empty := [split.value for split, part in stated.items() if not part]:
            raise DatasetError(f"{SPLIT}: no study with a mask is in the part {empty[0]}")
        return stated
    drawn.sort(key=lambda study: hashlib.sha256(study.name.encode()).digest())
    held_out = [max(1, round(share * len(drawn))) for share in (SHARES[1], 1 - sum(SHARES))]
    last = len(drawn) - held_out[1]
    first = last - held_out[0]
    return {
        Split.TRAIN: tuple(drawn[:first]),
        Split.VALID: tuple(drawn[first:last]),
        Split.TEST: tuple(drawn[last:]),
    }


def _by_study(folder: Path, named: re.Pattern[str]) -> dict[str, Path]:
    return {
        found.group(1): path
        for path in sorted(folder.glob("*"))
        if (found := named.fullmatch(path.name))
    }


def _stated_parts(path: Path) -> dict[str, dict[str, Any]]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            found = {
                row["study"]: {
                    "part": Split(row["part"]),
                    "source": row.get("source") or "",
                    "patient": row.get("patient") or "",
                }
                for row in csv.DictReader(lines)
            }
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f"{path}: needs the columns study and part (train, valid or test): {error}"
        ) from error
    homes: dict[str, Split] = {}
    for study, stated in found.items():
        patient, part = stated["patient"], Split(stated["part"])
        if patient and homes.setdefault(patient, part) is not part:
            raise DatasetError(
                f"{path}: {study} is of the {part.value} part, and others of patient {patient} are "
                f"of the {homes[patient].value} part; keep them in one"
            )
    return found


def load_volume(study: MosMedStudy) -> CtVolume:
    """A study as a volume from head to feet, its values clipped to −1024 … 3071 HU.

    Raises
    ------
    DatasetError
        If the file isn't a NIfTI volume.
    """
    values, spacing = _load(study.path)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    return CtVolume(
        hounsfield=np.clip(np.rint(values), *LIMITS).astype(np.int16),
        geometry=VolumeGeometry(
            shape=shape,
            spacing=spacing,
            rows_along=(0.0, 1.0, 0.0),
            columns_along=(1.0, 0.0, 0.0),
            references=tuple(
                SliceReference(sop_instance_uid=f"{study.name}-{number}")
                for number in range(1, shape[0] + 1)
            ),
            positions=tuple((0.0, 0.0, -index * spacing[0]) for index in range(shape[0])),
        ),
    )


def load_mask(study: MosMedStudy) -> Mask | None:
    """The lesions that were drawn, bool (slices, rows, columns) like the volume; None without.

    Raises
    ------
    DatasetError
        If the file isn't a NIfTI volume.
    """
    return None if study.mask_path is None else _load(study.mask_path)[0] > 0.5


def load_lungs(study: MosMedStudy) -> Mask | None:
    """The lungs that lie beside a study, bool like the volume; None without.

    Raises
    ------
    DatasetError
        If the file isn't a NIfTI volume.
    """
    return None if study.lungs_path is None else _load(study.lungs_path)[0] > 0.5


def _load(path: Path) -> tuple[npt.NDArray[np.float32], tuple[float, float, float]]:
    """Values as (slices from head to feet, rows to the back, columns to the left), and mm."""
    import nibabel  # noqa: PLC0415 - only for this data set
    from nibabel.filebasedimages import ImageFileError  # noqa: PLC0415

    try:
        image = nibabel.as_closest_canonical(nibabel.load(path))
        values = np.asanyarray(image.dataobj, dtype=np.float32)
        width, height, depth = (float(step) for step in image.header.get_zooms()[:3])
    except (ImageFileError, OSError, EOFError, ValueError) as error:
        raise DatasetError(f"{path}: not a readable NIfTI volume; fetch it again") from error
    # Canonical NIfTI runs to the patient's right, front and head.
    turned = values.transpose(2, 1, 0)[::-1, ::-1, ::-1]
    return np.ascontiguousarray(turned), (depth, height, width)
