"""The optimisers follow their papers' formulas, computed here once more in plain NumPy."""

from typing import Any

import numpy as np
import pytest

from ai_engine.models.end_to_end import CHEST_TRAINING, TYPE_TRAINING

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

RATE, BETA_1, BETA_2, EPSILON, STEPS = 0.05, 0.9, 0.999, 1e-8, 12


def gradient(variable: np.ndarray) -> np.ndarray:
    """Of a valley that is steeper along one axis."""
    return np.asarray(variable * np.array([1.0, 10.0, 0.1]))


def rectified_adam(start: np.ndarray, decay: float) -> list[np.ndarray]:
    """Liu et al. (2020), algorithm 2, with decoupled decay."""
    variable, path = start.copy(), []
    first, second = np.zeros_like(start), np.zeros_like(start)
    longest = 2 / (1 - BETA_2) - 1
    for step in range(1, STEPS + 1):
        slope = gradient(variable)
        variable = variable - RATE * decay * variable
        first = BETA_1 * first + (1 - BETA_1) * slope
        second = BETA_2 * second + (1 - BETA_2) * slope**2
        corrected = first / (1 - BETA_1**step)
        length = longest - 2 * step * BETA_2**step / (1 - BETA_2**step)
        if length > 4:
            term = np.sqrt(
                ((length - 4) * (length - 2) * longest) / ((longest - 4) * (longest - 2) * length)
            )
            adaptive = np.sqrt(second / (1 - BETA_2**step)) + EPSILON
            variable = variable - RATE * term * corrected / adaptive
        else:
            variable = variable - RATE * corrected
        path.append(variable)
    return path


def coupled_adam(start: np.ndarray, decay: float) -> list[np.ndarray]:
    """Kingma and Ba (2015) on the gradient plus the decay, with their epsilon hat."""
    variable, path = start.copy(), []
    first, second = np.zeros_like(start), np.zeros_like(start)
    for step in range(1, STEPS + 1):
        slope = gradient(variable) + decay * variable
        first = BETA_1 * first + (1 - BETA_1) * slope
        second = BETA_2 * second + (1 - BETA_2) * slope**2
        rate = RATE * np.sqrt(1 - BETA_2**step) / (1 - BETA_1**step)
        variable = variable - rate * first / (np.sqrt(second) + 1e-7)
        path.append(variable)
    return path


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize(("name", "reference"), [("radam", rectified_adam), ("adam", coupled_adam)])
def test_steps_are_those_of_the_formulas(name: str, reference: Any, decay: float) -> None:
    from ai_engine.training.optimizers import build_optimizer  # noqa: PLC0415

    start = np.array([1.0, -2.0, 3.0])
    optimizer = build_optimizer(name, learning_rate=RATE, weight_decay=decay)
    variable = keras.Variable(start.astype(np.float32))
    for expected in reference(start, decay):
        slope = gradient(np.asarray(variable)).astype(np.float32)
        optimizer.apply([keras.ops.convert_to_tensor(slope)], [variable])
        np.testing.assert_allclose(np.asarray(variable), expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", ["radam", "adam"])
def test_an_optimiser_is_made_again_from_its_settings(name: str) -> None:
    from ai_engine.training.optimizers import build_optimizer  # noqa: PLC0415

    optimizer = build_optimizer(name, learning_rate=RATE, weight_decay=0.1)
    again = type(optimizer).from_config(optimizer.get_config())
    assert again.get_config() == optimizer.get_config()


def test_paper_2s_settings_name_optimisers_that_exist() -> None:
    from ai_engine.training.optimizers import CoupledAdam, RAdam, build_optimizer  # noqa: PLC0415

    for settings, kind in ((TYPE_TRAINING, CoupledAdam), (CHEST_TRAINING, RAdam)):
        optimizer = build_optimizer(
            settings.optimizer,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            beta_1=settings.beta_1,
            beta_2=settings.beta_2,
        )
        assert isinstance(optimizer, kind)
    with pytest.raises(ValueError, match="known are adam and radam"):
        build_optimizer("sgd", learning_rate=RATE)
