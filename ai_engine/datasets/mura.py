"""MURA as Stanford distributes it (Rajpurkar et al., MIDL 2018), for paper 2's types of X-ray.

    train_image_paths.csv, valid_image_paths.csv    one path on each line, without a heading:
        MURA-v1.1/train/XR_SHOULDER/patient00001/study1_positive/image1.png

The label is the body part; a study that is abnormal has the label Abnormal, too. The published
validation part is the test part here; a tenth of the training patients is held out.
"""

import math
from pathlib import Path, PurePosixPath

from ai_engine.datasets.cxr import (
    CxrDataset,
    CxrItem,
    Split,
    View,
    require_images,
    require_separate_patients,
)
from ai_engine.datasets.splits import TRAIN_VALID, split_of
from ai_engine.datasets.tables import read_list
from ai_engine.errors import DatasetError

PARTS = ("Elbow", "Finger", "Forearm", "Hand", "Humerus", "Shoulder", "Wrist")
ABNORMAL = "Abnormal"
LISTS = ("train_image_paths.csv", "valid_image_paths.csv")


def is_mura(folder: Path) -> bool:
    """Whether a folder holds MURA's lists."""
    return (folder / LISTS[0]).is_file()


def read_mura(folder: Path) -> CxrDataset:
    """Read and check both lists; images are read later, one by one.

    Raises
    ------
    DatasetError
        If a list or an image is missing, a body part is unknown, or a patient is in two splits.
    """
    items: list[CxrItem] = []
    for name in LISTS:
        path = folder / name
        lines = enumerate(read_list(path), start=1)
        found = [_item(line, f"{path}, line {n}") for n, line in lines if line]
        require_images(path, folder, (item.file for item in found))
        items += found
    require_separate_patients(folder / LISTS[0], items)
    return CxrDataset(
        folder=folder,
        labels=(*PARTS, ABNORMAL),
        items=tuple(items),
        boxes=(),
        image_root=".",
        name="MURA",
    )


def _item(line: str, where: str) -> CxrItem:
    path = PurePosixPath(*PurePosixPath(line).parts[1:])
    if len(path.parts) != 5:
        raise DatasetError(f"{where}: path is not folder/part/XR_PART/patient/study/image")
    part, kind, patient, study, _ = path.parts
    name = kind.removeprefix("XR_").capitalize()
    if name not in PARTS:
        raise DatasetError(f"{where}: body part {kind!r} is unknown; known are {', '.join(PARTS)}")
    abnormal = {ABNORMAL} if study.endswith("positive") else set()
    return CxrItem(
        file=str(path),
        patient_id=patient,
        age=math.nan,
        sex="",
        view=View.UNKNOWN,
        split=Split.TEST if part == "valid" else split_of(patient, TRAIN_VALID),
        labels=frozenset({name} | abnormal),
        study=f"{patient}/{kind}/{study}",
    )
