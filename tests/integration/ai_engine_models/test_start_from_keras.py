"""Keras Applications' own H5 starts this engine's network: every layer below the head."""

from pathlib import Path

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras
def test_xception_starts_from_keras_own_file(tmp_path: Path) -> None:
    from ai_engine.kinds.start_file import start_of_file  # noqa: PLC0415
    from ai_engine.kinds.start_weights import start_network  # noqa: PLC0415
    from ai_engine.library.weights_file import model_tensors  # noqa: PLC0415
    from ai_engine.models.catalogue import build  # noqa: PLC0415
    from ai_engine.training.recipe_file import load_recipe  # noqa: PLC0415

    keras.utils.set_random_seed(3)
    theirs = keras.applications.Xception(weights=None, input_shape=(71, 71, 3), include_top=False)
    file = tmp_path / "xception_weights_tf_dim_ordering_tf_kernels_notop.h5"
    theirs.save(file)
    recipe = load_recipe("paper4-xception")
    network = build(recipe.architecture, labels=len(recipe.labels), size=71)
    before = model_tensors(network)
    start_network(network, recipe, start_of_file(file, recipe, tmp_path / "cache"))
    after = model_tensors(network)
    given = [np.asarray(variable) for variable in theirs.variables if "seed" not in variable.path]
    # In the order of the layers, all but the two of the head are theirs now.
    taken = [value for path, value in after.items() if not path.startswith("head/")]
    assert len(taken) == len(given)
    assert sum(float(np.abs(value).sum()) for value in taken) == pytest.approx(
        sum(float(np.abs(value).sum()) for value in given), rel=1e-6
    )
    assert np.array_equal(after["head/kernel"], before["head/kernel"])
    assert not np.array_equal(after["block1_conv1/kernel"], before["block1_conv1/kernel"])
