"""Models and real material for the AI engine's integration tests."""

import os
from pathlib import Path

import pytest

from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.loading import load_predictor
from ai_engine.kinds.shipped import CHEST_MODEL
from ai_engine.kinds.testing import write_random_model
from ai_engine.library.registry import ModelRegistry, read_active_versions
from tests.peers.process import shared_by_workers

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real material."""
    place = Path(os.environ.get("DICOM_NODE_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not place.is_dir():
        pytest.skip(f"real test material is absent: {place} (set DICOM_NODE_TEST_DATA)")
    return place


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for converted models, shared by all tests of a run: converting takes seconds."""
    return shared_by_workers(tmp_path_factory, "converted")


@pytest.fixture(scope="session")
def random_models(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelRegistry, dict[str, str]]:
    """A registry with random weights, and its active versions."""
    folder = tmp_path_factory.mktemp("models")
    versions = write_random_model(folder)
    return ModelRegistry(folder), versions


@pytest.fixture(scope="session")
def shipped_predictor(cache: Path) -> ChestRadiographPredictor:
    """The predictor that a node starts with."""
    versions = read_active_versions(ROOT / "config" / "models.toml")
    return load_predictor(ModelRegistry(), versions, CHEST_MODEL, cache=cache, threads=2)
