"""What workers are asked for before anybody has asked."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from dicom_node.configuration.work import WorkerSettings
from dicom_node.isolation.attempts import AttemptsInMemory
from dicom_node.node.isolated import Isolated
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from tests.unit.builders import an_instance


class FreeWorker:
    """Notes for which studies it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def spare(self, subject: str, *_: object) -> None:
        self.asked.append(subject)


@pytest.mark.parametrize(("patience", "count"), [(0.0, 1), (60.0, 0)])
def test_a_model_that_runs_elsewhere_is_not_asked_ahead(patience: float, count: int) -> None:
    worker = FreeWorker()
    isolated = Isolated(
        cast("Any", SimpleNamespace(runner=worker)),
        AttemptsInMemory(),
        settings=WorkerSettings(),
        cards=cast(
            "Any", SimpleNamespace(card=lambda _: SimpleNamespace(patience=lambda _: patience))
        ),
        calibrations=cast("Any", SimpleNamespace(in_use=lambda *_, **__: None)),
    )
    isolated.look_ahead(FAKE_MODEL, an_instance("1.1"))
    assert len(worker.asked) == count
