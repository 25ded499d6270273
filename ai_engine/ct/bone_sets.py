"""Sets of radiographs and their bones, projected from chest CTs, in the layout of dual energy ones.

    radiographs/NAME.png    bones/NAME.png    16 bits, `bone_projection.SIDE` pixels a side
    split.csv               patient, part

What stands before a name's first underscore is the patient, ``A+B`` where the bones of B were laid
over A. Only patients of the training part are mixed and varied; the others are shown as they are.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from ai_engine.ct.bone_exposure import Exposure, plain, varied
from ai_engine.ct.bone_projection import BonyChest, Projection, bony_chest
from ai_engine.ct.lesion_sets import SIDE, from_head, part_of_each, read_chest
from ai_engine.ct.morphology import Mask
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError
from ai_engine.preprocessing.geometry import FloatImage

WHOLE = 10_000
"""More slices than there are beyond the lungs."""

FINE = 3.0
"""mm of slices that show ribs as they are: those of thicker ones are beads on a string."""

OWN = 0.5
"""How often a chest keeps its own bones, where they are fine."""

VIEWS = 60
"""Projections of each patient that pairs are made of."""

TESTED = 25
"""Pairs to train on for each of a patient to validate or test on: those of one are much alike."""


def compose_bones(
    sources: Sequence[Path],
    out: Path,
    *,
    parts: Mapping[str, Split],
    pairs: int,
    seed: int = 1,
) -> Mapping[Split, int]:
    """Write ``pairs`` pairs to train on, one for each `TESTED` of other patients; count them.

    Parameters
    ----------
    sources
        The volumes, as `lesion_sets` reads them; archives may hold ``bones`` (bool). What precedes
        the first point of a name is the patient.
    out
        New folder.
    parts
        The part of each patient; of those that are not named, the training part.
    pairs
        To train on.
    seed
        Of all that is random: the same gives the same set.

    Raises
    ------
    DatasetError
        If ``out`` is not empty, a volume can't be read, has no lungs or no bones, a patient is
        named that there is no volume of, or a part is left empty.
    """
    given = part_of_each(sources, out, parts)
    for folder in ("radiographs", "bones"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(Split, 0)
    rows: dict[str, Split] = {}
    trained: dict[str, tuple[list[Projection], bool]] = {}
    for at, (path, patient, part) in enumerate(given):
        rng = np.random.default_rng((seed, at))
        chest = _read(path, patient)
        views = [
            chest.project(rng)
            for _ in range(min(VIEWS, pairs) if part is Split.TRAIN else max(pairs // TESTED, 1))
        ]
        if part is Split.TRAIN:
            trained[patient] = (views, chest.spacing[0] <= FINE)
            continue
        rows[patient] = part
        for index, view in enumerate(views):
            _write(plain(view), out, f"{patient}_{index:04}")
        counts[part] += len(views)
    rng = np.random.default_rng((seed, len(given)))
    for index in range(pairs):
        names, exposure = _mixed(trained, rng)
        rows[names] = Split.TRAIN
        _write(exposure, out, f"{names}_{index:04}")
    counts[Split.TRAIN] = pairs
    with (out / "split.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("patient", "part"))
        table.writerows(sorted((name, part.value) for name, part in rows.items()))
    return counts


def _read(path: Path, patient: str) -> BonyChest:
    chest, known = read_chest(path, margin=WHOLE), _known_bones(path)
    if known is not None and known.shape != chest.lungs.shape:
        raise DatasetError(
            f"{path}: its bones have {known.shape} voxels, its lungs {chest.lungs.shape}; give "
            f"volumes of {SIDE} columns at most, or leave the bones out"
        )
    bony = bony_chest(patient, chest, known)
    if not bony.bones.any():
        raise DatasetError(f"{path}: no bones are found around its lungs; leave it out")
    return bony


def _known_bones(path: Path) -> Mask | None:
    """The bones that an archive holds, laid out as `read_chest` does."""
    if path.suffix != ".npz":
        return None
    with np.load(path) as stored:
        if "bones" not in stored:
            return None
        turns = [int(each) for each in np.sign(np.diag(stored["affine"])[:3])]
        return from_head(stored["bones"], turns) > 0


def _mixed(
    trained: Mapping[str, tuple[Sequence[Projection], bool]], rng: np.random.Generator
) -> tuple[str, Exposure]:
    """A pair of the training part, and whose lungs and bones it shows."""
    names = list(trained)
    fine = [name for name in names if trained[name][1]] or names
    name = names[int(rng.integers(len(names)))]
    views = trained[name][0]
    soft = views[int(rng.integers(len(views)))]
    if name in fine and rng.random() < OWN:
        return name, varied(soft, [soft], rng)
    other = fine[int(rng.integers(len(fine)))]
    return (name if other == name else f"{name}+{other}"), varied(soft, trained[other][0], rng)


def _write(exposure: Exposure, out: Path, name: str) -> None:
    for folder, values in (("radiographs", exposure.radiograph), ("bones", exposure.bones)):
        _stored(values, out / folder / f"{name}.png")


def _stored(values: FloatImage, path: Path) -> None:
    cv2.imwrite(str(path), np.rint(np.clip(values, 0, 1) * 65535).astype(np.uint16))
