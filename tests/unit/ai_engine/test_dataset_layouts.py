"""Data sets in the layouts in which they are distributed, and what is wrong with them."""

import gzip
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from ai_engine.datasets.chexpert import LABELS as MIMIC_LABELS
from ai_engine.datasets.chexpert import Uncertain, read_chexpert
from ai_engine.datasets.cxr import Split, View
from ai_engine.datasets.layouts import layout_of, read_dataset
from ai_engine.datasets.rsna import PNEUMONIA_CLASSES
from ai_engine.datasets.splits import PAPER_1_RSNA, PAPER_2, split_of
from ai_engine.errors import DatasetError
from ai_engine.prediction import Region

NIH_HEADING = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
)
NIH_ROWS = (
    "00000001_000.png,Cardiomegaly|Pleural_Thickening,0,1,058Y,M,PA,2682,2749,0.143,0.143,\n"
    "00000002_000.png,No Finding,0,2,006M,F,AP,2682,2749,0.143,0.143,\n"
)
CHEXPERT_LABELS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,"
    "Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,"
    "Support Devices"
)
CHEXPERT_HEADING = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{CHEXPERT_LABELS}\n"


def write_image(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 6), 100, np.uint8))


def write_dicom(path: Path) -> None:
    """A radiograph as the challenge has them: age without a unit."""
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    image.SOPClassUID = DigitalXRayImageStorageForPresentation
    image.SOPInstanceUID = "1.2.3"
    image.PatientSex, image.ViewPosition = "F", "PA"
    image.PhotometricInterpretation, image.SamplesPerPixel = "MONOCHROME2", 1
    image.Rows, image.Columns = ramp.shape
    image.BitsAllocated = image.BitsStored = 8
    image.HighBit, image.PixelRepresentation = 7, 0
    image.PixelData = ramp.tobytes()
    image["PixelData"].VR = "OB"
    image.save_as(path, enforce_file_format=True)


@pytest.fixture
def nih(tmp_path: Path) -> Path:
    (tmp_path / "Data_Entry_2017.csv").write_text(NIH_HEADING + NIH_ROWS)
    (tmp_path / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "00000001_000.png,Cardiomegaly,10,20,30,40,,,\n"
    )
    (tmp_path / "train_val_list.txt").write_text("00000001_000.png\n")
    (tmp_path / "test_list.txt").write_text("00000002_000.png\n")
    write_image(tmp_path / "images_001" / "images" / "00000001_000.png")
    write_image(tmp_path / "images_002" / "images" / "00000002_000.png")
    return tmp_path


def test_nih_no_finding_beside_a_finding_is_refused(nih: Path) -> None:
    table = nih / "Data_Entry_2017.csv"
    table.write_text(table.read_text().replace("No Finding", "No Finding|Effusion"))
    with pytest.raises(DatasetError, match="line 3: No_Finding and 'Effusion' contradict"):
        read_dataset(nih)


@pytest.fixture
def rsna(tmp_path: Path) -> Path:
    (tmp_path / "stage_2_train_labels.csv").write_text(
        "patientId,x,y,width,height,Target\na,10,20,30,40,1\na,50,60,7,8,1\nb,,,,,0\n"
    )
    (tmp_path / "stage_2_detailed_class_info.csv").write_text(
        "patientId,class\na,Lung Opacity\na,Lung Opacity\nb,No Lung Opacity / Not Normal\n"
    )
    images = tmp_path / "stage_2_train_images"
    images.mkdir()
    for name in "ab":
        write_dicom(images / f"{name}.dcm")
    return tmp_path


def chexpert_row(path: str, side: str, view: str, *, edema: str, fracture: str) -> str:
    values = [""] * 14
    values[5], values[12] = edema, fracture
    return ",".join([f"CheXpert-v1.0-small/{path}", "Female", "68", side, view, *values]) + "\n"


@pytest.fixture
def chexpert(tmp_path: Path) -> Path:
    front, side = (
        f"train/patient00001/study1/view{view}.jpg" for view in ("1_frontal", "2_lateral")
    )
    test = "valid/patient64541/study1/view1_frontal.jpg"
    (tmp_path / "train.csv").write_text(
        CHEXPERT_HEADING
        + chexpert_row(front, "Frontal", "AP", edema="-1.0", fracture="1.0")
        + chexpert_row(side, "Lateral", "", edema="-1.0", fracture="1.0")
    )
    (tmp_path / "valid.csv").write_text(
        CHEXPERT_HEADING + chexpert_row(test, "Frontal", "PA", edema="0.0", fracture="0.0")
    )
    for path in (front, side, test):
        write_image(tmp_path / path)
    return tmp_path


@pytest.fixture
def mimic(tmp_path: Path) -> Path:
    names = ",".join(MIMIC_LABELS)
    values = ["", "1.0", "-1.0"] + [""] * (len(MIMIC_LABELS) - 3)
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv").write_text(
        f"subject_id,study_id,{names}\n10000032,50414267,{','.join(values)}\n"
    )
    with gzip.open(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", "wt") as stream:
        stream.write("dicom_id,subject_id,study_id,ViewPosition\na-b,10000032,50414267,LATERAL\n")
    (tmp_path / "mimic-cxr-2.0.0-split.csv").write_text(
        "dicom_id,study_id,subject_id,split\n"
        "a-b,50414267,10000032,validate\nnot-here,50414267,10000032,validate\n"
    )
    write_image(tmp_path / "files/p10/p10000032/s50414267/a-b.jpg")
    return tmp_path


@pytest.fixture
def mura(tmp_path: Path) -> Path:
    for part, study in (("train", "study1_positive"), ("valid", "study1_negative")):
        path = f"{part}/XR_SHOULDER/patient0{part}/{study}/image1.png"
        write_image(tmp_path / path)
        (tmp_path / f"{part}_image_paths.csv").write_text(f"MURA-v1.1/{path}\n")
    return tmp_path


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for kind in ("X-ray", "not X-ray"):
        for index in range(30):
            write_image(tmp_path / kind / f"{index}.png")
    return tmp_path


def test_nih_is_read_with_its_published_split_and_boxes(nih: Path) -> None:
    dataset = read_dataset(nih)
    first, second = dataset.items
    assert first.labels == {"Cardiomegaly", "Pleural_Thickening"}
    assert second.labels == {"No_Finding"}
    assert (first.age, second.age) == (58, 0.5)
    assert second.split is Split.TEST
    assert first.split is not Split.TEST
    assert dataset.boxes[0].region == Region(left=10, top=20, right=40, bottom=60)
    assert dataset.image(first).shape == dataset.image(dataset.boxes[0]).shape == (8, 6)
    assert len(dataset.labels) == 15


@pytest.mark.parametrize("column", ["Patient Gender", "Patient Sex"])
@pytest.mark.parametrize("table", ["Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv"])
def test_both_of_nihs_tables_are_read_with_either_name_of_the_sex(
    nih: Path, table: str, column: str
) -> None:
    (nih / "Data_Entry_2017.csv").rename(nih / table)
    replace(nih / table, "Patient Gender", column)
    assert layout_of(nih) == "nih"
    assert [item.sex for item in read_dataset(nih).items] == ["M", "F"]


def test_rsna_has_a_class_for_each_image_and_a_row_for_each_box(rsna: Path) -> None:
    dataset = read_dataset(rsna)
    assert [item.labels for item in dataset.items] == [
        {"Lung Opacity"},
        {"No Lung Opacity / Not Normal"},
    ]
    assert [box.file for box in dataset.boxes] == ["a.dcm", "a.dcm"]
    assert dataset.image(dataset.items[0]).shape == (256, 256)
    assert dataset.items[0].view is View.PA


def test_rsnas_two_classes_are_split_as_paper_1_did(rsna: Path) -> None:
    dataset = read_dataset(rsna, "rsna-pneumonia")
    assert dataset.labels == PNEUMONIA_CLASSES
    assert [(item.patient_id, item.labels) for item in dataset.items] == [("a", {"Pneumonia"})]
    counts = Counter(split_of(str(index), PAPER_1_RSNA) for index in range(14_863))
    assert counts[Split.TEST] == pytest.approx(6045, rel=0.03)
    assert counts[Split.VALID] == pytest.approx(counts[Split.TRAIN] / 9, rel=0.1)


def test_chexpert_joins_the_views_of_a_study(chexpert: Path) -> None:
    front, side, test = read_dataset(chexpert).items
    assert front.study == side.study != test.study
    assert (front.view, side.view, test.view) == (View.AP, View.LATERAL, View.PA)
    assert test.split is Split.TEST


@pytest.mark.parametrize(
    ("policy", "labels", "uncertain"),
    [
        (Uncertain.IGNORE, {"Fracture"}, {"Edema"}),
        (Uncertain.ZEROS, {"Fracture"}, set()),
        (Uncertain.ONES, {"Fracture", "Edema"}, set()),
    ],
)
def test_chexperts_uncertain_labels_follow_the_policy(
    chexpert: Path, policy: Uncertain, labels: set[str], uncertain: set[str]
) -> None:
    item = read_chexpert(chexpert, uncertain=policy).items[0]
    assert item.labels == labels
    assert item.uncertain == uncertain


def test_mimic_is_read_as_far_as_its_images_are_there(mimic: Path) -> None:
    (item,) = read_dataset(mimic).items
    assert (item.view, item.split, item.study) == (View.LATERAL, Split.VALID, "s50414267")
    assert item.labels == {"Cardiomegaly"}
    assert item.uncertain == {"Consolidation"}


@pytest.fixture
def lera(tmp_path: Path) -> Path:
    (tmp_path / "labels.csv").write_text("1163810,XR HIP,1\n1163811,XR FOOT,0\n")
    write_image(tmp_path / "1163810" / "ST-1" / "a.png")
    write_image(tmp_path / "1163811" / "ST-1" / "a.png")
    write_image(tmp_path / "1163811" / "ST-2" / "b.png")
    return tmp_path


def test_leras_label_is_the_body_part_of_all_images_of_a_patient(lera: Path) -> None:
    assert layout_of(lera) == "lera"
    dataset = read_dataset(lera)
    hip, foot, other = dataset.items
    assert (hip.labels, foot.labels) == ({"Hip", "Abnormal"}, {"Foot"})
    assert (foot.patient_id, foot.split) == (other.patient_id, other.split)
    assert foot.study != other.study
    assert dataset.image(other).shape == (8, 6)


def test_muras_label_is_the_body_part(mura: Path) -> None:
    train, test = read_dataset(mura).items
    assert train.labels == {"Shoulder", "Abnormal"}
    assert test.labels == {"Shoulder"}
    assert test.split is Split.TEST


def test_class_folders_are_split_as_paper_2_did(folders: Path) -> None:
    dataset = read_dataset(folders)
    assert dataset.labels == ("X-ray", "not X-ray")
    counts = Counter(split_of(str(index), PAPER_2) for index in range(3000))
    assert counts[Split.TRAIN] == pytest.approx(2100, rel=0.05)
    assert counts[Split.TEST] == pytest.approx(300, rel=0.15)
    assert {item.split for item in dataset.items} == set(Split)


@pytest.mark.parametrize("name", ["nih", "rsna", "chexpert", "mimic", "mura", "lera", "folders"])
def test_a_layout_is_known_by_its_tables(name: str, request: pytest.FixtureRequest) -> None:
    assert layout_of(request.getfixturevalue(name)) == name


def replace(path: Path, old: str, new: str) -> None:
    path.write_text(path.read_text().replace(old, new))


Damage = Callable[[Path], None]


@pytest.mark.parametrize(
    ("layout", "damage", "words"),
    [
        ("nih", lambda at: (at / "test_list.txt").unlink(), r"test_list\.txt: no such file"),
        ("nih", lambda at: replace(at / "Data_Entry_2017.csv", "Cardiomegaly", "Gout"),
         r"line 2: label 'Gout' is unknown"),
        ("nih", lambda at: (at / "images_001/images/00000001_000.png").unlink(),
         "00000001_000.png is in no images folder"),
        ("nih", lambda at: replace(at / "Data_Entry_2017.csv", ",0,2,006M", ",0,1,006M"),
         "a patient belongs to one split"),
        ("nih", lambda at: replace(at / "Data_Entry_2017.csv", "View Position", "View"),
         "column 'View Position' is missing"),
        ("nih", lambda at: replace(at / "Data_Entry_2017.csv", "Patient Gender", "G"),
         r"Data_Entry_2017\.csv: column 'Patient Gender' or 'Patient Sex' is missing"),
        ("rsna", lambda at: (at / "stage_2_train_images/b.dcm").unlink(), r"b\.dcm: named"),
        ("rsna", lambda at: replace(at / "stage_2_detailed_class_info.csv", "b,No", "b,Some"),
         "line 4: class"),
        ("chexpert", lambda at: (at / "valid.csv").unlink(), r"valid\.csv: no such file"),
        ("chexpert", lambda at: replace(at / "train.csv", "-1.0", "2.0"), "Edema is '2.0'"),
        ("mimic", lambda at: (at / "mimic-cxr-2.0.0-split.csv").unlink(), "split.csv is missing"),
        ("mimic", lambda at: replace(at / "mimic-cxr-2.0.0-chexpert.csv", "-1.0", "2.0"),
         "Consolidation is '2.0'"),
        ("mimic", lambda at: (at / "mimic-cxr-2.0.0-metadata.csv.gz").write_bytes(b"half"),
         r"metadata\.csv\.gz: cannot be read"),
        ("mimic", lambda at: (at / "files/p10/p10000032/s50414267/a-b.jpg").unlink(),
         "holds none of the images"),
        ("lera", lambda at: replace(at / "labels.csv", "XR HIP", "XR TAIL"), "line 1: body part"),
        ("lera", lambda at: replace(at / "labels.csv", "1163811", "1163810"), "line 2: patient"),
        ("lera", lambda at: (at / "1163810" / "ST-1" / "a.png").unlink(), "holds no images"),
        ("mura", lambda at: (at / "valid_image_paths.csv").unlink(), "no such file"),
        ("mura", lambda at: replace(at / "train_image_paths.csv", "SHOULDER", "TAIL"),
         "body part 'XR_TAIL' is unknown"),
        ("mura", lambda at: replace(at / "train_image_paths.csv", "image1", "image2"),
         r"image2\.png: named in train_image_paths\.csv but missing"),
        ("nih", lambda at: replace(at / "test_list.txt", "2_000", "1_000"),
         r"test_list\.txt: image 00000001_000\.png is in train_val_list\.txt too"),
        ("nih", lambda at: replace(at / "BBox_List_2017.csv", "10,20", "10,low"),
         r"BBox_List_2017\.csv, line 2: could not convert"),
        ("nih", lambda at: replace(at / "BBox_List_2017.csv", ",y,w,h]", ",y"),
         r"column 'w' is missing"),
        ("rsna", lambda at: replace(at / "stage_2_train_labels.csv", "50,60", "50,low"),
         r"stage_2_train_labels\.csv, line 3: could not convert"),
        ("rsna", lambda at: replace(at / "stage_2_train_labels.csv", ",0\n", ",maybe\n"),
         "line 4: Target must be 0 or 1"),
        ("rsna", lambda at: replace(at / "stage_2_train_labels.csv", "patientId", "id"),
         "column 'patientId' is missing"),
        ("chexpert", lambda at: replace(at / "train.csv", ",68,", ",old,"),
         r"train\.csv, line 2: Age"),
        ("chexpert", lambda at: replace(at / "valid.csv", "view1_frontal", "view3_frontal"),
         r"named in valid\.csv but missing"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(
    layout: str, damage: Damage, words: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(layout)
    damage(folder)
    with pytest.raises(DatasetError, match=words):
        read_dataset(folder, layout)


def test_unknown_layouts_and_empty_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="known are auto, sample, nih"):
        read_dataset(tmp_path, "nhi")
    with pytest.raises(DatasetError, match="no such folder"):
        read_dataset(tmp_path / "absent")
    with pytest.raises(DatasetError, match="no data set in a known layout"):
        read_dataset(tmp_path)
