"""Models in memory: each loaded once, the least used let go, none waiting for another."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dicom_node.models.cards import ModelUnavailableError
from dicom_node.models.loaded import LoadedModels

_PATIENCE = 20


class Loads:
    """Loaders that count how often each model is loaded."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def of(self, name: str) -> Callable[[], str]:
        """What loads one model."""

        def load() -> str:
            self.made.append(name)
            return name

        return load


def test_a_model_that_loads_slowly_holds_up_no_other() -> None:
    models: LoadedModels[str, str] = LoadedModels()
    begun, door = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        assert door.wait(_PATIENCE)
        return "slow"

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(models.get, "slow", slow)
        assert begun.wait(_PATIENCE)
        try:
            assert models.get("quick", lambda: "quick") == "quick"
            assert models.get("quick", pytest.fail) == "quick"
            assert not waiting.done()
        finally:
            door.set()
        assert waiting.result(_PATIENCE) == "slow"


def test_whoever_wants_the_model_that_is_being_loaded_waits_and_shares_it() -> None:
    models: LoadedModels[str, object] = LoadedModels()
    begun, door = threading.Event(), threading.Event()
    made: list[object] = []

    def slow() -> object:
        begun.set()
        assert door.wait(_PATIENCE)
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(models.get, "model", slow)
        assert begun.wait(_PATIENCE)
        others = [pool.submit(models.get, "model", slow) for _ in range(3)]
        door.set()
        assert {id(each.result(_PATIENCE)) for each in (first, *others)} == {id(made[0])}
    assert len(made) == 1


def test_the_versions_of_jobs_planned_before_a_promotion_stay_loaded_beside_the_active_ones() -> (
    None
):
    models: LoadedModels[str, str] = LoadedModels()
    loads = Loads()
    # Two models, each with the version before its promotion, looked at study by study.
    for _ in range(3):
        for name in ("chest/1", "chest/2", "hand/1", "hand/2"):
            models.get(name, loads.of(name))
    assert loads.made == ["chest/1", "chest/2", "hand/1", "hand/2"]


def test_a_fifth_model_displaces_the_one_that_was_used_longest_ago() -> None:
    models: LoadedModels[str, str] = LoadedModels()
    loads = Loads()
    for name in ("a", "b", "c", "d", "a", "e"):
        models.get(name, loads.of(name))
    for name in ("a", "c", "d", "e"):
        models.get(name, loads.of(name))
    assert loads.made == ["a", "b", "c", "d", "e"]
    models.get("b", loads.of("b"))
    assert loads.made[-1] == "b"


def test_a_model_that_could_not_be_loaded_is_tried_again_and_displaces_none() -> None:
    models: LoadedModels[str, str] = LoadedModels(keep=1)
    loads = Loads()
    models.get("whole", loads.of("whole"))

    def damaged() -> str:
        raise ModelUnavailableError("the weights are damaged")

    for _ in range(2):
        with pytest.raises(ModelUnavailableError):
            models.get("damaged", damaged)
    models.get("whole", loads.of("whole"))
    assert loads.made == ["whole"]
    assert models.get("damaged", loads.of("damaged")) == "damaged"
