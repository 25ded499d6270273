"""KerasHub's RetinaNet behind the adapter, where KerasHub is there: trained, exported, served."""

from pathlib import Path

import numpy as np
import pytest

from ai_engine.commands.evaluate import evaluate
from ai_engine.commands.train import train
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import unpacked_network
from ai_engine.kinds.detector.predictor import BoxFinder
from tests.unit.ai_engine.boxed_layout import write_sample

pytest.importorskip("tensorflow", reason="TensorFlow is absent: nothing can be trained")
pytest.importorskip("keras_hub", reason="KerasHub is not installed: no detector to train")


@pytest.mark.long
def test_a_detector_is_trained_by_the_command_evaluated_and_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ai_engine.kinds.detector import network as retinanet  # noqa: PLC0415 - KerasHub

    resnet50_without_biases = 23_561_152  # the convolutions and norms that torchvision counts
    encoder = retinanet.build_opacity_detector(size=128).backbone.image_encoder
    assert encoder.count_params() == resnet50_without_biases
    # What is trained is the same network with fewer of its blocks: tracing all takes a minute.
    monkeypatch.setattr(retinanet, "ENCODER_BLOCKS", (1, 1, 1, 1))
    data = write_sample(tmp_path / "data", patients=36)
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(TINY)
    card = train(recipe=str(recipe), data=data, out=tmp_path / "run")
    assert card.kind == "detector"
    assert "far too few" in card.limitations[0]
    assert (tmp_path / "run" / "curves.png").is_file()
    report = evaluate(
        card=card, data=data, out=tmp_path / "report", cache=tmp_path / "cache", split="test"
    )
    assert {metric.name for metric in report.metrics} >= {"average_precision_50", "box_hit_rate"}
    assert (tmp_path / "report" / "boxes.png").is_file()
    network = OpenVinoNetwork(unpacked_network(card, tmp_path / "cache"), threads=2)
    assert BoxFinder(card, network).card is card
    made = network.run({"image": np.zeros((2, 128, 128, 1), np.float32)})
    assert made["boxes"].shape[::2] == (2, 4)
    assert ((made["scores"] >= 0) & (made["scores"] <= 1)).all()


TINY = """
name = "tiny-boxes"
paper = "4"
architecture = "retinanet"
task = "boxes"
labels = ["Lung Opacity"]
input_size = 128
batch_size = 8
epochs = 1
optimizer = "sgd"
learning_rate = 0.0001
"""
