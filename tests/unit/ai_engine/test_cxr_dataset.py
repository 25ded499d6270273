"""The reader of chest radiograph folders says what is wrong with a folder, and where."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.cxr import Split, View, read_cxr
from ai_engine.errors import DatasetError
from ai_engine.training.image_batches import usable_items
from ai_engine.training.recipe_file import load_recipe

HEADER = "file,patient_id,age,sex,view,split,Pneumonia,No_Finding"
ROWS = ("a.jpg,1,60,M,AP,train,1,0", "b.jpg,2,40,F,PA,valid,0,1", "c.jpg,3,30,F,PA,test,0,1")


def folder(tmp_path: Path, *, rows: tuple[str, ...] = ROWS, header: str = HEADER) -> Path:
    (tmp_path / "images").mkdir(exist_ok=True)
    for name in "abc":
        cv2.imwrite(str(tmp_path / "images" / f"{name}.jpg"), np.full((8, 8), 99, np.uint8))
    (tmp_path / "labels.csv").write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    return tmp_path


def test_items_carry_labels_view_and_split(tmp_path: Path) -> None:
    dataset = read_cxr(folder(tmp_path))
    assert dataset.labels == ("Pneumonia", "No_Finding")
    (item,) = dataset.part(Split.TRAIN)
    assert (item.view, item.labels, item.age) == (View.AP, {"Pneumonia", "Abnormal"}, 60)
    assert [item.labels for item in dataset.part(Split.TEST)] == [{"No_Finding"}]
    assert dataset.image(item).shape == (8, 8)


@pytest.mark.parametrize("label", ["Pneumonia", "Abnormal"])
def test_an_image_without_finding_that_has_one_is_refused(tmp_path: Path, label: str) -> None:
    rows = ("a.jpg,1,60,M,AP,train,1,1", *ROWS[1:])
    header = HEADER.replace("Pneumonia", label)
    with pytest.raises(DatasetError, match=rf"line 2: No_Finding and '{label}' contradict"):
        read_cxr(folder(tmp_path, rows=rows, header=header))


def test_a_label_that_is_no_finding_goes_with_none(tmp_path: Path) -> None:
    rows = ("a.jpg,1,60,M,AP,train,1,1", *ROWS[1:])
    header = HEADER.replace("Pneumonia", "Support Devices")
    (item,) = read_cxr(folder(tmp_path, rows=rows, header=header)).part(Split.TRAIN)
    assert item.labels == {"Support Devices", "No_Finding"}


def test_what_nobody_decided_on_is_neither_there_nor_not(tmp_path: Path) -> None:
    rows = ("a.jpg,1,60,M,AP,train,1,", "b.jpg,2,40,F,PA,valid,,0", "c.jpg,3,30,F,PA,test,0,1")
    known, unknown, clear = read_cxr(folder(tmp_path, rows=rows)).items
    assert (known.labels, known.uncertain) == ({"Pneumonia"}, {"No_Finding", "Abnormal"})
    assert (unknown.labels, unknown.uncertain) == ({"Abnormal"}, {"Pneumonia"})
    assert (clear.labels, clear.uncertain) == ({"No_Finding"}, frozenset())


def test_boxes_are_read_with_nihs_other_spelling(tmp_path: Path) -> None:
    place = folder(tmp_path, header=HEADER.replace("No_Finding", "Infiltration"))
    (place / "boxes.csv").write_text(
        "file,label,x,y,width,height\na.jpg,Infiltrate,1,2,3,4\n", encoding="utf-8"
    )
    (box,) = read_cxr(place).boxes
    assert box.label == "Infiltration"
    assert (box.region.left, box.region.bottom) == (1, 6)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (("d.jpg,1,60,M,AP,train,1,0",), r"d\.jpg: named in labels\.csv but missing"),
        (("a.jpg,1,60,M,AP,train,2,0",), "line 2: label 'Pneumonia' must be 0 or 1"),
        (("a.jpg,1,60,M,LL,train,1,0",), "line 2: 'LL' is not a valid View"),
        (("a.jpg,1,60,M,AP,tests,1,0",), "line 2: 'tests' is not a valid Split"),
        (("a.jpg,1,old,M,AP,train,1,0",), "line 2: could not convert"),
        ((ROWS[0], "b.jpg,1,60,M,AP,test,1,0"), r"a\.jpg and b\.jpg are of one patient"),
        ((*ROWS, ROWS[0]), r"labels\.csv: a\.jpg is named twice"),
        ((*ROWS, "a.jpg,1,60"), r"line 5: 3 fields, but the first line names 8"),
        ((*ROWS, f"{ROWS[0]},1"), r"line 5: 9 fields, but the first line names 8"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, rows: tuple[str, ...], words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        read_cxr(folder(tmp_path, rows=rows))


def test_a_missing_table_or_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="column 'view' is missing"):
        read_cxr(folder(tmp_path, header=HEADER.replace("view", "direction")))
    with pytest.raises(DatasetError, match=r"labels\.csv: no such file"):
        read_cxr(tmp_path / "absent")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.jpg,Gout,1,2,3,4", "line 2: label 'Gout'"),
        ("a.jpg,Pneumonia,1,2,wide,4", "line 2: could not convert string to float: 'wide'"),
        ("z.jpg,Pneumonia,1,2,3,4", r"z\.jpg: named in boxes\.csv but missing"),
    ],
)
def test_a_wrong_box_is_named(tmp_path: Path, row: str, words: str) -> None:
    place = folder(tmp_path)
    (place / "boxes.csv").write_text(f"file,label,x,y,width,height\n{row}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=words):
        read_cxr(place)


def test_boxes_without_their_columns_are_told(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "boxes.csv").write_text("file,label,x,y,w,h\n", encoding="utf-8")
    with pytest.raises(DatasetError, match=r"boxes\.csv: column 'width' is missing"):
        read_cxr(place)


def test_a_table_that_is_no_text_is_named(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "labels.csv").write_bytes(b"\xff\xfe\x00 no table")
    with pytest.raises(DatasetError, match=r"labels\.csv: cannot be read \(not a table in UTF-8"):
        read_cxr(place)
    (place / "labels.csv").unlink()
    (place / "labels.csv").mkdir()
    with pytest.raises(DatasetError, match=r"labels\.csv: cannot be read \(Is a directory\)"):
        read_cxr(place)


def test_a_table_that_a_spreadsheet_has_marked_is_read(tmp_path: Path) -> None:
    place = folder(tmp_path)
    table = (place / "labels.csv").read_text(encoding="utf-8")
    (place / "labels.csv").write_text(table, encoding="utf-8-sig")
    assert len(read_cxr(place).items) == 3


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    place = folder(tmp_path)
    (place / "images" / "a.jpg").write_text("nothing", encoding="utf-8")
    dataset = read_cxr(place)
    with pytest.raises(DatasetError, match=r"a\.jpg: not an image"):
        dataset.image(dataset.items[0])


def test_an_image_of_two_classes_of_which_one_holds_is_not_learned_from(tmp_path: Path) -> None:
    header = HEADER.replace("Pneumonia,No_Finding", "X-ray,not X-ray,CT or MR slice")
    rows = ("a.jpg,1,,,unknown,train,1,1,0", "b.jpg,2,,,unknown,valid,1,0,0")
    dataset = read_cxr(folder(tmp_path, rows=rows, header=header))
    with pytest.raises(DatasetError, match=r"a\.jpg is 'X-ray' and 'not X-ray', of which"):
        usable_items(dataset, dataset.part(Split.TRAIN), load_recipe("xray-or-not"))
    assert len(usable_items(dataset, dataset.part(Split.VALID), load_recipe("xray-or-not"))) == 1
