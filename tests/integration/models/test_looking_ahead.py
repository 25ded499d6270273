"""What was found in an image when it came is what would be found when it is asked for."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset

from ai_engine.kinds.deciding import Calibration
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.prediction import ModelIdentity
from ai_engine.result import Result
from dicom_node.models.host import ModelHost
from dicom_node.models.seen import Seen, sight_of
from tests.integration.models.conftest import Started

CONFIG = Path(__file__).parents[3] / "config"


def shipped(_folder: Path) -> ModelCard:
    return ModelRegistry().active(read_active_versions(CONFIG / "models.toml"), "chest-radiograph")


def said(value: Any) -> Any:
    """A result as plain values, whose grids of numbers can be compared."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {each.name: said(getattr(value, each.name)) for each in fields}
    if isinstance(value, tuple | list):
        return [said(each) for each in value]
    return value.tolist() if isinstance(value, np.ndarray) else value


def test_what_was_found_ahead_is_what_would_be_found_for_the_same_alone(
    started: Started, chest: Dataset
) -> None:
    trial = started(shipped)
    trial.send(chest)
    host = trial.works.corridor.inference._models
    assert isinstance(host, ModelHost)
    (instance,) = trial.works.index.instances(trial.study)
    model: ModelIdentity = host.identity("chest-radiograph")
    simple = host.predict(model, (instance,))
    # As it came, before it was a row of the index.
    looked = host.look_ahead(model, dataclasses.replace(instance, received_at=trial.works.clock()))
    assert looked is not None
    assert said(looked.found) == said(simple)

    cards = host._cards
    seen = Seen()
    seen.keep(looked)

    def asked(calibrations: dict[str, Calibration] | None = None, **versions: str) -> Result | None:
        now = {**cards.versions, **versions}
        sight = sight_of(model, cards.card(model), now, (instance,), calibrations or {})
        return seen.take(trial.study, sight)

    assert asked({instance.sop_instance_uid: Calibration(name="another device")}) is None
    assert asked(**{"lung-segmentation": "0.0.0"}) is None, "another model helps now"
    assert said(asked()) == said(simple)
    assert asked() is None, "it is given once"
