"""Networks of somebody else as files: read, given a card, run; or refused with nothing left."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import openvino
import pytest

from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.import_network import NetworkRequest, import_network
from ai_engine.errors import ModelFolderError, WeightImportError
from ai_engine.importing import folder as folders
from ai_engine.importing.onnx_header import read_onnx_header
from ai_engine.importing.said_labels import said_labels
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.registry import Part, part
from ai_engine.library.card import ModelCard, read_card
from ai_engine.library.tensors import Activation, Layout, Scaling
from tests.unit.ai_engine import onnx_files
from tests.unit.ai_engine.vendor_cards import some_radiograph

LABELS = ("Effusion", "Mass")


def brought_in(
    tmp_path: Path, data: bytes, name: str = "model.onnx", **fields: object
) -> ModelCard:
    file = tmp_path / name
    file.write_bytes(data)
    request = NetworkRequest(file=file, name="bought", version="1.0.0", guard="none", **fields)  # type: ignore[arg-type]
    return import_network(request, tmp_path / "models", cache=tmp_path / "cache")


def found(card: ModelCard, tmp_path: Path) -> list[float]:
    predictor = part(card, Part.PREDICTOR)(Loading(card=card, cache=tmp_path / "cache"))
    return [float(each) for each in predictor.probabilities(some_radiograph(480, 480))]


def sigmoid(number: float) -> float:
    return 1 / (1 + np.exp(-number))


@pytest.mark.slow
def test_a_classifier_with_its_labels_inside_needs_no_word(tmp_path: Path) -> None:
    data = onnx_files.classifier(metadata=onnx_files.labelled(*LABELS))
    card = brought_in(tmp_path, data)
    assert card == read_card(tmp_path / "models" / "bought" / "1.0.0")
    assert tuple(label.name for label in card.labels) == LABELS
    assert card.labels[0].code is not None
    assert card.tensors is not None
    assert card.tensors.activation is Activation.NONE  # the file ends in a sigmoid
    assert card.tensors.scaling is Scaling.UNIT
    assert any("unit was taken" in each for each in card.limitations)
    assert card.data.startswith("ONNX by by hand 1.0, operators of ONNX 13; SHA-256")
    mean = float(some_radiograph(480, 480).pixels.mean())
    assert found(card, tmp_path) == pytest.approx([sigmoid(mean), sigmoid(-mean)], abs=1e-3)


@pytest.mark.slow
def test_maps_of_as_many_labels_go_with_the_probabilities(tmp_path: Path) -> None:
    data = onnx_files.classifier(labels=3, channels=3, maps=True)
    card = brought_in(tmp_path, data, labels=("Effusion", "Mass", "Hernia"), scaling="unit")
    assert card.tensors is not None
    assert (card.tensors.heat_maps, card.tensors.channels) == ("maps", 3)
    assert not any("was taken" in each for each in card.limitations)


@pytest.mark.slow
def test_a_segmenter_finds_where_its_map_is(tmp_path: Path) -> None:
    card = brought_in(tmp_path, onnx_files.segmenter(), labels=("Lung Opacity",))
    assert card.tensors is not None
    assert (card.tensors.probabilities, card.tensors.heat_maps) == ("", "mask")
    assert 0.6 < found(card, tmp_path)[0] <= sigmoid(1)


@pytest.mark.slow
def test_logits_get_the_sigmoid_that_the_file_lacks(tmp_path: Path) -> None:
    card = brought_in(tmp_path, onnx_files.classifier(last="Identity"), labels=LABELS)
    assert card.tensors is not None
    assert card.tensors.activation is Activation.SIGMOID
    assert any("a sigmoid is applied" in each for each in card.limitations)
    mean = float(some_radiograph(480, 480).pixels.mean())
    assert found(card, tmp_path)[0] == pytest.approx(sigmoid(mean), abs=1e-3)


@pytest.mark.slow
def test_an_open_size_is_given_and_bytes_become_floats(tmp_path: Path) -> None:
    data = onnx_files.classifier(size="side", kind=onnx_files.UINT8)
    with pytest.raises(WeightImportError, match="leaves the image's size open; give one with --si"):
        brought_in(tmp_path, data, labels=LABELS)
    card = brought_in(tmp_path, data, labels=LABELS, size=96, scaling="byte")
    assert card.input_size == 96
    assert len(found(card, tmp_path)) == 2


@pytest.mark.slow
def test_openvinos_own_form_is_read_as_well(tmp_path: Path) -> None:
    (tmp_path / "sent.onnx").write_bytes(onnx_files.classifier())
    read = openvino.Core().read_model((tmp_path / "sent.onnx").read_bytes())
    openvino.save_model(read, tmp_path / "sent.xml")
    request = NetworkRequest(
        file=tmp_path / "sent.xml", name="bought", version="1.0.0", labels=LABELS, guard="none"
    )
    card = import_network(request, tmp_path / "models", cache=tmp_path / "cache")
    assert card.tensors is not None
    assert card.tensors.layout is Layout.NCHW
    assert len(found(card, tmp_path)) == 2


@pytest.mark.slow
def test_torchxrayvisions_labels_and_scaling_come_with_its_name(tmp_path: Path) -> None:
    data = onnx_files.classifier(labels=18, size=224)
    card = brought_in(tmp_path, data, family="torchxrayvision")
    assert card.tensors is not None
    assert (len(card.labels), card.tensors.scaling) == (18, Scaling.XRAYVISION)
    data = onnx_files.classifier(labels=14, size=224, channels=3)
    with pytest.raises(WeightImportError, match="has 14 values, and 18 were given"):
        brought_in(tmp_path, data, family="torchxrayvision", name="other.onnx")


@pytest.mark.slow
def test_an_imported_network_is_measured_on_a_data_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for name, most in (("Effusion", 255), ("Mass", 60)):
        (tmp_path / "images" / name).mkdir(parents=True)
        for number in range(12):
            pixels = rng.integers(0, most, (64, 64)).astype(np.uint8)
            cv2.imwrite(str(tmp_path / "images" / name / f"{name}{number}_1.png"), pixels)
    card = brought_in(tmp_path, onnx_files.classifier(), labels=LABELS)
    report = evaluate(
        card=replace(card, guard="frontal-chest-guard"),
        data=tmp_path / "images",
        out=tmp_path / "report",
        cache=tmp_path / "cache",
        split="train",
        layout="folders",
    )
    found = {each.label: each.value for each in report.metrics if each.name == "auc"}
    assert found["Effusion"] == 1.0  # bright images, and label 0 is how bright an image is
    assert found["Mass"] == 1.0


WHOLE = onnx_files.classifier(metadata=onnx_files.labelled(*LABELS))
REFUSED = {
    "cut off in its weights": (WHOLE[: len(WHOLE) // 2], "breaks off in its midst"),
    "cut off at its last byte": (WHOLE[:-1], "breaks off in its midst"),
    "no ONNX": (b"GIF89a" + bytes(200), "is no ONNX file"),
    "nothing": (b"", "is no ONNX file"),
    "an unknown operator": (
        onnx_files.with_unknown_operator(),
        "has operators that OpenVINO doesn't know: vendor.secret.Mystery$",
    ),
    "two inputs": (
        onnx_files.model(
            [onnx_files.node("Add", ["a", "b"], ["c"])],
            inputs=[onnx_files.value(name, [1, 1, 64, 64]) for name in "ab"],
            outputs=[onnx_files.value("c", [1, 1, 64, 64])],
        ),
        "takes 2 inputs",
    ),
    "no image": (
        onnx_files.model(
            [onnx_files.node("Sigmoid", ["a"], ["c"])],
            inputs=[onnx_files.value("a", [1, 7])],
            outputs=[onnx_files.value("c", [1, 7])],
        ),
        "no image of one or three channels",
    ),
    "another number of labels": (onnx_files.classifier(labels=3), "has 3 values, and 2 were given"),
}


@pytest.mark.parametrize(("data", "words"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(
    tmp_path: Path, data: bytes, words: str
) -> None:
    with pytest.raises(WeightImportError, match=words):
        brought_in(tmp_path, data, labels=LABELS)
    assert not (tmp_path / "models").exists()


def test_a_truncated_ir_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "sent.onnx").write_bytes(WHOLE)
    openvino.save_model(openvino.Core().read_model(WHOLE), tmp_path / "sent.xml")
    weights = tmp_path / "sent.bin"
    weights.write_bytes(weights.read_bytes()[:4])
    request = NetworkRequest(
        file=tmp_path / "sent.xml", name="bought", version="1.0.0", labels=LABELS
    )
    with pytest.raises(WeightImportError, match=r"sent.xml: "):
        import_network(request, tmp_path / "models", cache=tmp_path / "cache")
    weights.unlink()
    with pytest.raises(WeightImportError, match=r"sent.bin: can't be read"):
        import_network(request, tmp_path / "models", cache=tmp_path / "cache")
    assert not (tmp_path / "models").exists()


@pytest.mark.slow
def test_an_import_that_breaks_off_leaves_no_half_of_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(card: ModelCard) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(folders, "write_card", full)
    with pytest.raises(OSError, match="No space left"):
        brought_in(tmp_path, WHOLE)
    assert list((tmp_path / "models").iterdir()) == []
    monkeypatch.undo()
    assert brought_in(tmp_path, WHOLE).labels


@pytest.mark.parametrize("labels", [("Mass", "Mass"), ("Mass", ""), ("Mass", " "), ("A", "B\0")])
def test_labels_that_name_nothing_are_refused(tmp_path: Path, labels: tuple[str, ...]) -> None:
    with pytest.raises(WeightImportError, match="label"):
        brought_in(tmp_path, WHOLE, labels=labels)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["Normal", "Mass"]', ("Normal", "Mass")),
        ('{"1": "Mass", "0": "Normal"}', ("Normal", "Mass")),
        ('{"Mass": 1, "Normal": 0}', ("Normal", "Mass")),
        ("{0: 'Normal', 1: 'Mass'}", ("Normal", "Mass")),
        ("['Normal', 'Mass']", ("Normal", "Mass")),
        ("Normal, Mass", ("Normal", "Mass")),
        ('[["Normal"], ["Mass"]]', ()),
        ("[" * 50_000, ("[" * 50_000,)),
        ("7", ()),
    ],
)
def test_labels_are_read_as_writers_put_them(text: str, labels: tuple[str, ...]) -> None:
    assert said_labels({"names": text}) == labels


def test_names_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(WHOLE)
    request = NetworkRequest(file=tmp_path / "m.onnx", name="../../x", version="1.0.0")
    with pytest.raises((WeightImportError, ModelFolderError), match="is no name"):
        import_network(request, tmp_path / "models", cache=tmp_path / "cache")


def test_a_header_is_read_without_the_graph() -> None:
    header = read_onnx_header(WHOLE, "m.onnx")
    assert header.opsets == {"": 13}
    assert header.metadata == {"labels": '["Effusion", "Mass"]'}
