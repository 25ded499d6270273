"""Stand-ins for tests of whatever uses the engine: random weights, and a guard that lets pass."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.shipped import CHEST_MODEL, GUARD_MODEL
from ai_engine.library.card import Label, Metric, ModelCard, write_card
from ai_engine.library.earned import AMONG_ABNORMAL
from ai_engine.library.labels import reported_label
from ai_engine.prediction import Code

PNEUMONIA = Code(value="233604007", scheme="SCT", meaning="Pneumonia")
LUNG = Code(value="39607008", scheme="SCT", meaning="Lung")


class FakeChestBackend:
    """Answers like DenseNet-121, with a probability and a hot cell that the caller chooses."""

    def __init__(self, *, probability: float = 0.9, cell: tuple[int, int] = (6, 3)) -> None:
        self.probability = probability
        self.cell = cell

    def predict(self, batch: FloatArray) -> Activation:
        """The chosen answer for each image; the second of a pair is its mirror image."""
        features = np.zeros((len(batch), 12, 12, 1), dtype=np.float32)
        row, column = self.cell
        features[0, row, column] = 1
        features[1:, row, 11 - column] = 1
        probabilities = np.full((len(batch), 1), self.probability, dtype=np.float32)
        return Activation(probabilities=probabilities, features=features)


class FakeGuardBackend:
    """Answers like the guard's network, always the same appearance."""

    def __init__(self, appearance: Appearance = Appearance.FRONTAL) -> None:
        self.appearance = appearance

    def predict(self, batch: FloatArray) -> Activation:
        """The chosen appearance, with certainty."""
        row = [float(kind is self.appearance) for kind in Appearance]
        return Activation(
            probabilities=np.array([row] * len(batch), dtype=np.float32),
            features=np.zeros((len(batch), 1, 1, 1), dtype=np.float32),
        )


def fake_predictor(
    *,
    probability: float = 0.9,
    cell: tuple[int, int] = (6, 3),
    appearance: Appearance = Appearance.FRONTAL,
    version: str = "0.0.1",
) -> ChestRadiographPredictor:
    """A predictor without any weights, instantly made: one label, pneumonia, threshold 0.5."""
    guard = ChestGuard(guard_card(Path(), threshold=0.5), FakeGuardBackend(appearance))
    backend = FakeChestBackend(probability=probability, cell=cell)
    head = np.ones((1, 1), dtype=np.float32)
    card = chest_card(Path(), version=version)
    return ChestRadiographPredictor(card, backend, head=head, guard=guard)


def chest_card(folder: Path, *, version: str = "0.0.1", digest: str = "0" * 64) -> ModelCard:
    """A card for a chest model whose weights mean nothing, and whose label is earned."""
    label = Label(name="Pneumonia", title="Pneumonia", threshold=0.5, code=PNEUMONIA, site=LUNG)
    card = _card(folder, CHEST_MODEL, version, digest, (label,))
    return replace(card, metrics=(told_apart(label.name),))


def told_apart(label: str, *, low: float = 0.7, split: str = "test") -> Metric:
    """A figure by which a label is told from other abnormal images, so that it is reported."""
    return Metric(
        name="auc",
        label=label,
        split=split,
        group=AMONG_ABNORMAL,
        images=200,
        value=(low + 0.9) / 2,
        low=low,
        high=0.9,
    )


def guard_card(
    folder: Path, *, version: str = "0.0.1", digest: str = "0" * 64, threshold: float = 0.0
) -> ModelCard:
    """A card for a guard whose weights mean nothing; a threshold of 0 lets everything pass."""
    labels = tuple(
        Label(name=kind.name, title=kind.value, threshold=threshold) for kind in Appearance
    )
    return _card(folder, GUARD_MODEL, version, digest, labels)


def write_random_model(folder: Path, *, version: str = "0.0.1", seed: int = 1) -> dict[str, str]:
    """Write a chest model and a guard with random weights, laid out as a registry's folder.

    No TensorFlow is needed: the shapes come from OpenVINO's Keras backend in this process's
    Python, run apart. Takes a few seconds.

    Returns
    -------
    dict
        The versions to hand to `ai_engine.kinds.classifier.predictor.load_predictor` with
        ``ModelRegistry(folder)``.
    """
    from ai_engine.kinds.random_weights import write_random_weights  # noqa: PLC0415

    for build in (chest_card, guard_card):
        draft = build(folder, version=version)
        place = folder / draft.name / version
        digest = write_random_weights(draft, place / draft.weights_file, seed=seed)
        write_card(build(place, version=version, digest=digest))
    return {CHEST_MODEL: version, GUARD_MODEL: version}


def write_box_model(
    folder: Path,
    boxes: Sequence[tuple[float, float, float, float]],
    scores: Sequence[float],
    *,
    size: int = 128,
    name: str = "opacity-boxes",
    version: str = "0.0.1",
    threshold: float = 0.5,
) -> ModelCard:
    """Write a detector that finds the same boxes on every image, as a registry's folder.

    Parameters
    ----------
    boxes
        Left, top, right and bottom of each in pixels of the network's input.
    scores
        How probable each is.
    """
    import openvino  # noqa: PLC0415 - a folder of models is written without it
    from openvino import opset13 as ops  # noqa: PLC0415 - the same

    from ai_engine.inference.packed_network import NETWORK_FILE, pack_network  # noqa: PLC0415

    image = ops.parameter([-1, size, size, 1], np.float32, name="image")
    image.output(0).get_tensor().set_names({"image"})
    # Nothing of each image, in the shape that repeats the answers for it.
    mean = ops.reduce_mean(image, np.array([2, 3]), keep_dims=False)
    nothing = ops.multiply(ops.slice(mean, [0], [1], [1], [1]), np.float32(0))
    outputs = []
    for words, values in (("boxes", np.array(boxes)), ("scores", np.array(scores)[:, None])):
        answer = ops.constant(values[np.newaxis].astype(np.float32))
        output = ops.add(answer, ops.unsqueeze(nothing, 2))
        output.output(0).get_tensor().set_names({words})
        outputs.append(output)
    place = folder / name / version
    with tempfile.TemporaryDirectory() as temporary:
        model = Path(temporary) / "model.xml"
        openvino.save_model(openvino.Model(outputs, [image]), model, compress_to_fp16=False)
        digest = pack_network(model, place / NETWORK_FILE)
    card = replace(
        _card(place, name, version, digest, (reported_label("Lung Opacity", threshold=threshold),)),
        kind="detector",
        architecture="constant",
        input_size=size,
        flip_averaging=False,
        weights_file=NETWORK_FILE,
        metrics=(told_apart("Lung Opacity"),),
    )
    write_card(card)
    return card


def _card(
    folder: Path, name: str, version: str, digest: str, labels: tuple[Label, ...]
) -> ModelCard:
    guard = name == GUARD_MODEL
    return ModelCard(
        folder=folder,
        name=name,
        version=version,
        title=f"Random weights for tests ({name})",
        manufacturer="DICOM node",
        kind="guard" if guard else "classifier",
        architecture="guardnet" if guard else "densenet121",
        input_size=64 if guard else 384,
        flip_averaging=True,
        weights_file="weights.safetensors",
        weights_digest=digest,
        research_only=True,
        intended_use="Tests only.",
        limitations=("Means nothing.",),
        refuses=(),
        licence="Apache-2.0",
        attribution="none",
        recipe="random",
        command="ai_engine.kinds.testing.write_random_model",
        data="none",
        labels=labels,
    )
