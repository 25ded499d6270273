"""Models are compared by one command: what they weigh, how fast they are, how well they do."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")

from ai_engine.commands.compare import TABLE_I, compare
from ai_engine.commands.evaluate import evaluate
from ai_engine.datasets.layouts import layout_of
from ai_engine.datasets.rsna import PNEUMONIA_CLASSES
from ai_engine.library.card import Label
from ai_engine.library.labels import FINDINGS
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.weights_file import read_weights
from ai_engine.models.catalogue import architectures
from tests.unit.ai_engine.boxed_layout import write_sample


def test_the_architectures_of_table_i_can_all_be_built() -> None:
    assert set(TABLE_I) <= set(architectures())


@pytest.mark.long
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


def test_table_is_own_models_get_their_accuracy_on_the_layout_they_learned(
    random_models: tuple[ModelRegistry, dict[str, str]], cache: Path, tmp_path: Path
) -> None:
    """A card as `paper1-rsna` makes them, for a network that has four outputs more."""
    data = write_sample(tmp_path / "rsna", patients=30)
    assert layout_of(data) == "rsna"  # its tables alone would mean three classes
    registry, versions = random_models
    guard = registry.active(versions, "frontal-chest-guard")
    card = dataclasses.replace(
        guard,
        kind="classifier",
        layout="rsna-pneumonia",
        labels=(
            *guard.labels[:-2],
            *(
                Label(name=name, title=name, threshold=0.5, code=FINDINGS.get(name))
                for name in PNEUMONIA_CLASSES
            ),
        ),
    )
    (row,) = compare([card], cache=cache, architectures=[], data=data, threads=1)
    report = evaluate(card=card, data=data, out=tmp_path / "out", cache=cache)
    assert 0 < row.accuracy == report.value("accuracy") < 1
    assert math.isnan(row.auc)
    kept = json.loads((tmp_path / "out" / "classes.json").read_text())
    assert [sum(counts) > 0 for counts in kept["confusion"]] == [False] * 4 + [True] * 2
