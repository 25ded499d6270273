"""Checkpoints of a training run: one safetensors file, replaced in one step."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ai_engine.errors import RecipeError

FILE_NAME = "checkpoint.safetensors"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Checkpoint:
    """Where a run stands: the epochs done of a stage, and all its variables.

    ``tensors`` holds ``network/…``, ``average/…``, ``optimizer/…`` and ``random/…``, numbered in
    order. Earlier versions left the random states out, so that dropout began anew.
    """

    stage: int
    epoch: int
    history: tuple[dict[str, Any], ...]
    tensors: Mapping[str, npt.NDArray[Any]]

    def group(self, name: str) -> list[npt.NDArray[Any]]:
        """The tensors of one group in order."""
        keys = sorted(key for key in self.tensors if key.startswith(f"{name}/"))
        return [self.tensors[key] for key in keys]


def random_states(variables: Sequence[Any]) -> list[Any]:
    """The variables that decide what is dropped next: Keras' seed generators."""
    return [variable for variable in variables if "seed" in variable.path]


def restore(variables: Sequence[Any], values: Sequence[npt.NDArray[Any]], *, folder: Path) -> None:
    """Put a checkpoint's values into a run's variables, in order.

    Raises
    ------
    RecipeError
        If they don't fit: the run that wrote them computed otherwise.
    """
    made, wanted = [value.shape for value in values], [tuple(one.shape) for one in variables]
    if made != wanted:
        raise RecipeError(
            f"{folder / FILE_NAME}: holds {len(made)} variables that don't fit the {len(wanted)} "
            "of this run; it was made by another version or in another precision, so start over "
            "without resuming"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def numbered(name: str, values: list[npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Name tensors of one group so that they sort in order."""
    return {f"{name}/{index:05d}": np.asarray(value) for index, value in enumerate(values)}


def save_checkpoint(folder: Path, checkpoint: Checkpoint, *, recipe_text: str) -> None:
    """Write the run's checkpoint; a crash leaves the previous one."""
    state = {"stage": checkpoint.stage, "epoch": checkpoint.epoch, "history": checkpoint.history}
    metadata = {"state": json.dumps(state), "recipe": recipe_text}
    path = folder / FILE_NAME
    temporary = path.with_suffix(".new")
    save_file(dict(checkpoint.tensors), temporary, metadata=metadata)
    temporary.replace(path)


def load_checkpoint(folder: Path, *, recipe_text: str) -> Checkpoint | None:
    """Read the run's checkpoint, or None where the run hasn't written one.

    Raises
    ------
    RecipeError
        If the checkpoint was made by another recipe, or is damaged.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as stream:
            metadata = stream.metadata()
            tensors = {key: stream.get_tensor(key) for key in stream.keys()}  # noqa: SIM118 - no dict
        made_by, state = metadata["recipe"], json.loads(metadata["state"])
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise RecipeError(
            f"{path}: not a readable checkpoint ({error}); delete it, or start over without "
            "resuming"
        ) from error
    if made_by != recipe_text:
        raise RecipeError(
            f"{path}: made by a recipe with other settings; train into another folder, "
            "or start over without resuming"
        )
    return Checkpoint(
        stage=state["stage"],
        epoch=state["epoch"],
        history=tuple(state["history"]),
        tensors=tensors,
    )
