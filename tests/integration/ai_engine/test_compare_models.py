"""Models are compared by one command: what they weigh, how fast they are, how well they do."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from ai_engine.evaluation.compare import TABLE_I, compare
from ai_engine.models.catalogue import BUILDERS
from ai_engine.registry import ModelRegistry
from ai_engine.weights_file import read_weights


def test_the_architectures_of_table_i_can_all_be_built() -> None:
    assert set(TABLE_I) <= set(BUILDERS)


def test_trained_and_untrained_networks_stand_side_by_side(
    random_models: tuple[ModelRegistry, dict[str, str]], cache: Path, tmp_path: Path
) -> None:
    registry, versions = random_models
    card = registry.active(versions, "frontal-chest-guard")
    out = tmp_path / "rows.json"
    held_here = np.ones(700 * 2**17)  # 700 MiB that are none of the models'
    rows = compare([card], cache=cache, architectures=["guardnet"], size=64, threads=1, out=out)
    assert [row.model for row in rows] == ["frontal-chest-guard/0.0.1", "untrained"]
    weights = read_weights(card.weights_path)
    assert rows[0].parameters == sum(tensor.size for tensor in weights.values())
    assert all(row.images_per_second > 0 for row in rows)
    assert all(10 < row.memory < held_here.nbytes / 2**20 for row in rows)
    assert math.isnan(rows[0].published_accuracy)
    written = json.loads(out.read_text())
    assert [row["published_accuracy"] for row in written] == [None, None]
