"""A model that is exported for TensorFlow Serving answers there as it does on OpenVINO."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ai_engine.errors import BackendError
from ai_engine.inference.choice import BackendChoice, BackendName, open_backend
from ai_engine.kinds.shipped import GUARD_MODEL
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry

pytest.importorskip("tensorflow", reason="TensorFlow is absent: nothing can be exported")

_CALLERS = 6


@pytest.fixture(scope="module")
def guard() -> ModelCard:
    """The smallest network that is shipped."""
    return ModelRegistry().card(GUARD_MODEL, "1.0.0")


@pytest.fixture(scope="module")
def exported(guard: ModelCard, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from ai_engine.commands.export import export_saved_model  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("serving")
    place = export_saved_model(guard, folder)
    assert place == folder / GUARD_MODEL / "1000000"
    with pytest.raises(BackendError, match="exists: remove it"):
        export_saved_model(guard, folder)
    assert [path.name for path in folder.iterdir()] == [GUARD_MODEL], "nothing half-made is left"
    return folder


def test_all_back_ends_answer_alike_and_the_server_joins_requests(
    guard: ModelCard, exported: Path, cache: Path
) -> None:
    from tests.peers.tensorflow_serving import tensorflow_serving  # noqa: PLC0415 - TensorFlow

    batch = np.random.default_rng(3).standard_normal((2, 64, 64, 1)).astype(np.float32)
    with tensorflow_serving(exported) as (url, versions):
        choices = [BackendChoice(name=name, serving_url=url) for name in BackendName]
        first, *others = (open_backend(guard, each, cache=cache) for each in choices)
        expected = first.predict(batch)
        for backend in others:
            made = backend.predict(batch)
            np.testing.assert_allclose(made.probabilities, expected.probabilities, atol=1e-4)
            np.testing.assert_allclose(made.features, expected.features, atol=1e-3)
        (version,) = versions.values()
        alone = len(version.batches)
        with ThreadPoolExecutor(_CALLERS) as pool:
            answers = list(pool.map(others[-1].predict, [batch] * _CALLERS))
        joined = version.batches[alone:]
    assert sum(joined) == _CALLERS * len(batch)
    assert len(joined) < _CALLERS, "requests that arrive together run together"
    for each in answers:
        np.testing.assert_allclose(each.probabilities, expected.probabilities, atol=1e-4)


def test_a_server_with_other_weights_or_without_the_version_is_refused(
    guard: ModelCard, exported: Path, cache: Path
) -> None:
    from tests.peers.tensorflow_serving import tensorflow_serving  # noqa: PLC0415 - TensorFlow

    retrained = replace(guard, weights_digest="0" * 64)
    newer = replace(guard, version="1.0.1")
    with tensorflow_serving(exported) as (url, _):
        choice = BackendChoice(name=BackendName.TENSORFLOW_SERVING, serving_url=url)
        with pytest.raises(BackendError, match=r"not the weights of frontal-chest-guard/1\.0\.0"):
            open_backend(retrained, choice, cache=cache)
        with pytest.raises(BackendError, match=r"1000001.* answered 404: Servable not"):
            open_backend(newer, choice, cache=cache)


def test_what_cannot_be_served_is_told(guard: ModelCard, cache: Path, tmp_path: Path) -> None:
    from ai_engine.commands.export import export_saved_model  # noqa: PLC0415

    with pytest.raises(BackendError, match="only classifiers are exported"):
        export_saved_model(replace(guard, kind="segmenter"), tmp_path)
    with pytest.raises(BackendError, match="not three numbers"):
        export_saved_model(replace(guard, version="spring"), tmp_path)
    nobody = BackendChoice(name=BackendName.TENSORFLOW_SERVING, serving_url="http://127.0.0.1:9")
    with pytest.raises(BackendError, match="is the server running"):
        open_backend(guard, nobody, cache=cache)
