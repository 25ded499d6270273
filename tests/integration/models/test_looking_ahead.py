"""What was found in an image when it came is what would be found when it is asked for."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from ai_engine.kinds.deciding import Calibration
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import ModelRegistry, read_active_versions
from ai_engine.prediction import ModelIdentity
from dicom_node.models.host import ModelHost
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


def test_what_was_found_ahead_is_what_is_asked_for_later_and_is_given_once(
    started: Started, chest: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = started(shipped)
    trial.send(chest)
    host = trial.works.corridor.inference._models
    assert isinstance(host, ModelHost)
    (instance,) = trial.works.index.instances(trial.study)
    model: ModelIdentity = host.identity("chest-radiograph")
    simple = host.predict(model, (instance,))
    # As it came, before it was a row of the index.
    host.look_ahead(model, dataclasses.replace(instance, received_at=trial.works.clock()))

    looked = host._radiographs.predict
    asked = []
    monkeypatch.setattr(
        host._radiographs, "predict", lambda *each: (asked.append(each), looked(*each))[1]
    )
    other = Calibration(name="another device")
    assert said(host.predict(model, (instance,), {instance.sop_instance_uid: other}))
    assert len(asked) == 1, "a device's own calibration was not looked at"
    assert said(host.predict(model, (instance,))) == said(simple)
    assert len(asked) == 1
    assert said(host.predict(model, (instance,))) == said(simple)
    assert len(asked) == 2, "it is given once"
