"""Several data sets in one folder: read as one, each still known by its name."""

from pathlib import Path

import pytest

from ai_engine.datasets.cxr import Split
from ai_engine.datasets.layouts import layout_of, read_dataset
from ai_engine.errors import DatasetError

SPLIT = "file,patient_id,age,sex,view,split,Effusion,No_Finding"
UNSPLIT = "file,patient_id,age,sex,view,Effusion,Edema,No_Finding"


def put(folder: Path, header: str, *rows: str) -> None:
    """A data set of empty files."""
    (folder / "images").mkdir(parents=True)
    for row in rows:
        (folder / "images" / row.split(",")[0]).touch()
    (folder / "labels.csv").write_text("\n".join([header, *rows]) + "\n")


def test_two_sets_are_one_and_each_image_says_which_it_is_of(tmp_path: Path) -> None:
    """Labels that all have, patients told apart, files from the common folder."""
    put(tmp_path / "one", SPLIT, "a.png,1,50,F,PA,test,0,1")
    put(tmp_path / "two", UNSPLIT, "a.png,1,60,M,AP,1,0,0", "b.png,2,61,M,AP,0,0,1")
    assert layout_of(tmp_path) == "joined"
    found = read_dataset(tmp_path)
    assert found.labels == ("Effusion", "No_Finding")
    assert [item.device for item in found.items] == ["one", "two", "two"]
    assert len({item.patient_id for item in found.items}) == 3
    assert found.items[0].split is Split.TEST
    assert found.items[1].labels == {"Effusion", "Abnormal"}
    assert all((found.folder / found.image_root / item.file).is_file() for item in found.items)


def test_sets_without_a_common_label_are_no_set(tmp_path: Path) -> None:
    """The sentence names them."""
    put(tmp_path / "one", "file,patient_id,age,sex,view,Mass", "a.png,1,50,F,PA,1")
    put(tmp_path / "two", "file,patient_id,age,sex,view,Edema", "a.png,1,50,F,PA,1")
    with pytest.raises(DatasetError, match="no label is in all of one, two"):
        read_dataset(tmp_path)
