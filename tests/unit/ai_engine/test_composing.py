"""Data sets put together by a plan: classes, parts by patient, slices, and plans that are wrong."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.composing import compose, load_plan, plan_names
from ai_engine.datasets.cxr import Split
from ai_engine.datasets.layouts import read_dataset
from ai_engine.errors import DatasetError

PLAN = """
labels = ["Hand", "Chest", "Slice"]
shares = [0.5, 0.2, 0.3]

[[sources]]
folder = "limbs"
column = "targets"
values = { "Hand|Wrist" = "Hand", "Hand" = "Hand" }
patient = "patient_id"

[[sources]]
folder = "chests"
label = "Chest"
at_most = 10

[[sources]]
folder = "ct"
label = "Slice"
volumes = "a.npz"
only = "train"
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    place = tmp_path / "sources"
    limbs = [f"{n}.png,p{n // 2},{'Hand' if n % 2 else 'Hand|Wrist'}" for n in range(12)]
    put(place / "limbs", ["file,patient_id,targets", *limbs, "12.png,p9,Knee"])
    put(place / "chests", ["file", *(f"{n}.png" for n in range(20))])
    (place / "ct").mkdir()
    values = np.full((20, 20, 12), -1000, dtype=np.int16)
    values[5:15, 5:15] = 40
    np.savez(place / "ct" / "a.npz", hu=values, zooms=np.array([2.0, 2.0, 5.0]))
    return place


def put(folder: Path, lines: list[str]) -> None:
    (folder / "images").mkdir(parents=True)
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    for line in lines[1:]:
        cv2.imwrite(str(folder / "images" / line.split(",")[0]), np.full((8, 8), 9, np.uint8))


def plan(folder: Path, text: str = PLAN) -> str:
    path = folder / "plan.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.slow
def test_every_image_has_its_class_source_and_part_and_no_patient_has_two(
    sources: Path, tmp_path: Path
) -> None:
    made = compose(load_plan(plan(tmp_path)), sources, tmp_path / "out")
    dataset = read_dataset(tmp_path / "out")
    assert dataset.labels == ("Hand", "Chest", "Slice")
    by_label = {name: [i for i in dataset.items if name in i.labels] for name in dataset.labels}
    assert [len(items) for items in by_label.values()] == [12, 10, 40]
    assert {item.device for item in by_label["Hand"]} == {"limbs"}
    assert {item.split for item in by_label["Slice"]} == {Split.TRAIN}
    places: dict[str, set[Split]] = {}
    for item in dataset.items:
        places.setdefault(item.patient_id, set()).add(item.split)
    assert all(len(parts) == 1 for parts in places.values())
    hands = {item.patient_id: item.split for item in by_label["Hand"]}
    assert sorted(hands.values()) == ["test"] * 2 + ["train"] * 3 + ["valid"]
    assert made.patients == 6 + 10 + 1
    assert dataset.image(by_label["Slice"][0]).shape == (512, 512)


@pytest.mark.slow
def test_the_same_images_get_the_same_parts(sources: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        compose(load_plan(plan(tmp_path)), sources, tmp_path / name)
    first, second = ((tmp_path / name / "labels.csv").read_bytes() for name in ("one", "two"))
    assert first == second


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('"Slice"]', '"Other"]'), "class 'Slice' of ct is not in labels"),
        (('label = "Chest"\n', ""), "source chests gives its images no class"),
        (('folder = "ct"', 'folder = "mr"'), "no such folder; the plan asks for it"),
        (('"a.npz"', '"b.npz"'), "no volume b.npz"),
        (("at_most = 10", 'at_most = "ten"'), "no plan"),
    ],
)
def test_what_a_plan_cannot_mean_is_told(
    change: tuple[str, str], words: str, sources: Path, tmp_path: Path
) -> None:
    with pytest.raises(DatasetError, match=words):
        compose(load_plan(plan(tmp_path, PLAN.replace(*change))), sources, tmp_path / "out")


def test_what_is_there_is_not_written_over(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not empty"):
        compose(load_plan(plan(tmp_path)), sources, sources)


def test_a_volume_that_is_none_is_told(sources: Path, tmp_path: Path) -> None:
    (sources / "ct" / "a.npz").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match="no volume that can be read"):
        compose(load_plan(plan(tmp_path)), sources, tmp_path / "out")


@pytest.mark.parametrize("name", plan_names())
def test_the_shipped_plans_are_read(name: str) -> None:
    made = load_plan(name)
    assert sum(made.shares) == pytest.approx(1)
    assert len(set(made.labels)) == len(made.labels)


def test_training_images_get_varied_copies_drawn_slices_and_pages(
    sources: Path, tmp_path: Path
) -> None:
    """And no other part does: it is measured on images as they are."""
    text = PLAN.replace("at_most = 10", "at_most = 10\ncopies = 2")
    text = text.replace('only = "train"', 'only = "train"\nby_lot = 5')
    text += '\n[[sources]]\nfolder = "pages"\nlabel = "Hand"\npages = 7\nonly = "train"\n'
    compose(load_plan(plan(tmp_path, text)), sources, tmp_path / "one")
    compose(load_plan(plan(tmp_path, text)), sources, tmp_path / "two")

    dataset = read_dataset(tmp_path / "one")
    chests = [item for item in dataset.items if "Chest" in item.labels]
    whole = [item for item in chests if "-varied-" not in item.file]
    copies = [item for item in chests if "-varied-" in item.file]
    learned = {item.patient_id for item in whole if item.split is Split.TRAIN}
    assert len(whole) == 10
    assert sorted(item.patient_id for item in copies) == sorted([*learned, *learned])
    assert {item.split for item in copies} == {Split.TRAIN}
    assert sum("Slice" in item.labels for item in dataset.items) == 40 + 5
    pages = [item for item in dataset.items if item.device == "pages"]
    assert (len(pages), {item.split for item in pages}) == (7, {Split.TRAIN})
    assert len({dataset.image(item).tobytes() for item in pages}) == 7
    for item in dataset.items:
        other = (tmp_path / "two" / "images" / item.file).read_bytes()
        assert (tmp_path / "one" / "images" / item.file).read_bytes() == other
