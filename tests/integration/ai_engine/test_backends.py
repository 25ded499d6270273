"""OpenVINO serves what TensorFlow trained, and a node never loads TensorFlow."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import openvino
import pytest

from ai_engine.errors import BackendError, ModelFolderError
from ai_engine.inference import keras_process
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.explain import class_activation, gradient_activation, head_kernel, heat_map
from ai_engine.inference.haste import in_haste
from ai_engine.inference.keras_process import run_on_openvino_keras
from ai_engine.inference.openvino_backend import OpenVinoBackend, Precision
from ai_engine.inference.openvino_branches import branches_of
from ai_engine.kinds.random_weights import write_random_weights
from ai_engine.kinds.shipped import CHEST_MODEL, GUARD_MODEL
from ai_engine.kinds.testing import guard_card
from ai_engine.library.card import ModelCard
from ai_engine.library.half_precision import Bf16Change
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.prediction import Region

CONFIG = Path(__file__).parents[3] / "config"

Models = tuple[ModelRegistry, dict[str, str]]

SERVE = """
import json, sys
import numpy as np
from pathlib import Path
from ai_engine.kinds.loading import load_predictor
from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.library.registry import ModelRegistry, read_active_versions
folder, cache, versions = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
registry = ModelRegistry(folder)
predictor = load_predictor(registry, versions, "chest-radiograph", cache=cache, threads=1)
pixels = np.random.default_rng(1).random((400, 400), dtype=np.float32)
shown = Radiograph(sop_instance_uid="1", pixels=pixels, content=content_region(pixels))
prediction = predictor.predict([shown])
heavy = [name for name in ("tensorflow", "keras", "torch") if name in sys.modules]
print(json.dumps([len(prediction.images), heavy]))
"""

CONVERT = """
import sys
from pathlib import Path
from ai_engine.library.card import read_card
from ai_engine.inference.conversion import converted_model
print(converted_model(read_card(Path(sys.argv[1])), Path(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def chest(random_models: Models) -> ModelCard:
    registry, versions = random_models
    return registry.active(versions, CHEST_MODEL)


@pytest.fixture(scope="module")
def guard(random_models: Models) -> ModelCard:
    registry, versions = random_models
    return registry.active(versions, GUARD_MODEL)


@pytest.fixture(scope="module")
def batch() -> np.ndarray:
    values = np.random.default_rng(3).standard_normal((2, 384, 384, 1)).astype(np.float32)
    values[:, 100:200, 150:300] += 1.5
    return values


def test_serving_loads_no_training_framework(random_models: Models, cache: Path) -> None:
    registry, versions = random_models
    card = registry.active(versions, CHEST_MODEL)
    arguments = [str(card.folder.parents[1]), str(cache), json.dumps(versions)]
    # A user's own choice of Keras backend must not matter either.
    environment = os.environ | {"KERAS_BACKEND": "tensorflow"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SERVE, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == [1, []]


def test_openvino_equals_tensorflow_and_gradcam_its_closed_form(
    chest: ModelCard, cache: Path, batch: np.ndarray
) -> None:
    keras = pytest.importorskip("keras")
    tf = pytest.importorskip("tensorflow")
    from ai_engine.inference.tensorflow_backend import TensorFlowBackend  # noqa: PLC0415

    reference = TensorFlowBackend.load(chest)
    expected = reference.predict(batch)
    served = OpenVinoBackend.load(chest, cache=cache, threads=2).predict(batch)
    np.testing.assert_allclose(served.probabilities, expected.probabilities, atol=1e-4)
    scale = np.abs(expected.features).max()
    np.testing.assert_allclose(served.features / scale, expected.features / scale, atol=1e-4)

    model = keras.Model(
        reference.model.input,
        [
            reference.model.get_layer("features_relu").output,
            reference.model.get_layer("head").output,
        ],
    )
    with tf.GradientTape() as tape:
        features, logits = model(tf.constant(batch), training=False)
        score = logits[:, 0]
    gradients = tape.gradient(score, features).numpy()
    region = Region(left=0, top=0, right=384, bottom=384)
    for index in range(len(batch)):
        taped = gradient_activation(features[index].numpy(), gradients[index])
        closed = class_activation(served.features[index], head_kernel(chest))[0]
        np.testing.assert_allclose(
            heat_map(closed, region=region).values,
            heat_map(taped, region=region).values,
            atol=1e-4,
        )
    # Random weights may push a logit down everywhere; then there would be nothing to compare.
    assert max(class_activation(f, head_kernel(chest)).max() for f in served.features) > 0


def test_half_precision_stays_near(chest: ModelCard, cache: Path, batch: np.ndarray) -> None:
    full = OpenVinoBackend.load(chest, cache=cache, threads=2).predict(batch)
    half = OpenVinoBackend.load(chest, cache=cache, threads=2, precision=Precision.BF16)
    np.testing.assert_allclose(half.predict(batch).probabilities, full.probabilities, atol=0.05)


@pytest.mark.parametrize(("low", "takes"), [(-0.001, True), (-0.003, False)])
def test_bf16_is_chosen_where_a_card_says_that_it_changes_hardly_anything(
    guard: ModelCard, cache: Path, low: float, takes: bool
) -> None:
    change = Bf16Change(measure="dice", images=9, change=0.0, low=low, high=0.001)
    says = dataclasses.replace(guard, bf16=change)
    has = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    for asked, card, given in (
        (Precision.AUTO, says, Precision.BF16 if takes and has else Precision.F32),
        (Precision.AUTO, guard, Precision.F32),
        (Precision.F32, says, Precision.F32),
    ):
        backend = OpenVinoBackend.load(card, cache=cache, threads=1, precision=asked)
        assert backend.precision is given


def test_answers_dont_change_under_a_threads_next_inference(guard: ModelCard, cache: Path) -> None:
    backend = OpenVinoBackend.load(guard, cache=cache, threads=1)
    rng = np.random.default_rng(1)
    first = backend.predict(rng.random((1, 64, 64, 1), dtype=np.float32))
    kept = first.probabilities.copy()
    backend.predict(rng.random((3, 64, 64, 1), dtype=np.float32))
    np.testing.assert_array_equal(first.probabilities, kept)


def test_starters_at_the_same_time_share_one_conversion(guard: ModelCard, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONVERT, str(guard.folder), str(tmp_path / "cache")]
    starters = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    answers = [starter.communicate(timeout=200) for starter in starters]
    assert [starter.returncode for starter in starters] == [0, 0], answers
    assert answers[0][0] == answers[1][0]
    assert len([one for one in (tmp_path / "cache").iterdir() if one.is_dir()]) == 1


def test_converted_models_are_found_again(guard: ModelCard, cache: Path) -> None:
    first = converted_model(guard, cache)
    made_at = first.stat().st_mtime_ns
    assert converted_model(guard, cache).stat().st_mtime_ns == made_at


def test_damaged_weights_are_never_converted(
    random_models: Models, tmp_path: Path, guard: ModelCard
) -> None:
    folder = tmp_path / "models" / GUARD_MODEL / guard.version
    folder.mkdir(parents=True)
    for path in guard.folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = folder / guard.weights_file
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    card = ModelRegistry(tmp_path / "models").card(GUARD_MODEL, guard.version)
    with pytest.raises(ModelFolderError, match="SHA-256"):
        converted_model(card, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_a_failing_keras_process_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_process, "subprocess", subprocess)  # no fork: started as in a node
    with pytest.raises(BackendError, match=r"^/nowhere/card\.toml: no such model card"):
        run_on_openvino_keras("ai_engine.inference.export", "/nowhere", "/nowhere/model.xml")
    with pytest.raises(BackendError, match=r"ai_engine\.inference\.export failed: IndexError"):
        run_on_openvino_keras("ai_engine.inference.export")


@pytest.mark.slow
def test_a_keras_process_that_is_started_writes_what_a_forked_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests fork these processes; a node starts them, whatever its user wants of Keras."""
    card = guard_card(tmp_path)
    forked = write_random_weights(card, tmp_path / "forked.safetensors", seed=1)
    monkeypatch.setattr(keras_process, "subprocess", subprocess)
    wanted = tmp_path / "keras.json"
    wanted.write_text('{"backend": "torch", "image_data_format": "channels_first"}')
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    started = write_random_weights(card, tmp_path / "started.safetensors", seed=1)
    assert started == forked


def test_the_shipped_looks_say_beside_one_another_what_they_say_together(cache: Path) -> None:
    """A worker's inference is compared with that of the whole network, in every place."""
    card = ModelRegistry().active(read_active_versions(CONFIG / "models.toml"), CHEST_MODEL)
    values = np.random.default_rng(3).standard_normal((1, 384, 384, 2)).astype(np.float32)
    with in_haste():
        apart = OpenVinoBackend.load(card, cache=cache, threads=1).predict(values)
    whole = OpenVinoBackend.load(card, cache=cache).predict(values)
    np.testing.assert_allclose(apart.probabilities, whole.probabilities, rtol=0, atol=1e-6)
    np.testing.assert_allclose(apart.features, whole.features, rtol=1e-4, atol=1e-5)
    assert is_said_beside_one_another(converted_model(card, cache))


def is_said_beside_one_another(model: Path) -> bool:
    return branches_of(openvino.Core().read_model(str(model))) is not None
