"""Networks that have a trunk which they share: the trunk's weights are kept once.

What a trunk is to a network is fixed by the architecture, and the trunk's file by its digest; a
model's own file has what is beside it. Where that is a head alone, some kilobytes, several such
models look at an image in one pass (`ai_engine.inference.shared_trunk`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import ModelCard
from ai_engine.library.file_digest import digest
from ai_engine.library.registry import shipped_weights
from ai_engine.library.weights_file import read_weights

FOLDER = "trunks"
HEAD = "head/"
"""How the paths of a head's tensors begin."""

LITE2 = "efficientnet_lite2.safetensors"
"""EfficientNet-Lite2 as ImageNet left it."""

LITE2_DIGEST = "2660dd420b9aaef6a2a8e3842a1307f2818261bb17e5e440a2b79fc5cf194a25"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trunk:
    """A file beside the shipped models, and its SHA-256.

    ``prefix`` begins the paths of its tensors in the network; ``below_heads`` says that a network
    is this trunk and a head, and nothing else.
    """

    file: str
    digest: str
    prefix: str = ""
    below_heads: bool = False

    @property
    def path(self) -> Path:
        """Where it lies."""
        return shipped_weights() / FOLDER / self.file


TRUNKS: Mapping[str, Trunk] = MappingProxyType(
    {
        "efficientnet_lite2_classes": Trunk(file=LITE2, digest=LITE2_DIGEST, below_heads=True),
        "efficientnet_two_looks": Trunk(file=LITE2, digest=LITE2_DIGEST, prefix="ranks_"),
    }
)
"""The trunk of an architecture, where it has one."""


def trunk_tensors(architecture: str) -> dict[str, npt.NDArray[np.float32]]:
    """The weights of an architecture's trunk by path; none where it has no trunk.

    Raises
    ------
    ModelFolderError
        If the file is missing or damaged.
    """
    if architecture not in TRUNKS:
        return {}
    trunk = TRUNKS[architecture]
    return {f"{trunk.prefix}{path}": value for path, value in _read(trunk).items()}


def model_weights(card: ModelCard) -> dict[str, npt.NDArray[np.float32]]:
    """All weights of a model by path: those of its file, and of its trunk.

    Raises
    ------
    ModelFolderError
        If a file is missing or damaged.
    """
    return trunk_tensors(card.architecture) | read_weights(card.weights_path)


def is_head_on_trunk(architecture: str) -> bool:
    """Whether a network is a trunk and a head, and nothing else."""
    return architecture in TRUNKS and TRUNKS[architecture].below_heads


def own_tensors(
    architecture: str, tensors: Mapping[str, npt.NDArray[np.float32]]
) -> dict[str, npt.NDArray[np.float32]]:
    """Those of a network's tensors that a model's file keeps: what is not the trunk's.

    Raises
    ------
    ModelFolderError
        If the trunk's file is missing or damaged.
    """
    shared = trunk_tensors(architecture)
    return {path: value for path, value in tensors.items() if path not in shared}


def _read(trunk: Trunk) -> dict[str, npt.NDArray[np.float32]]:
    if digest(trunk.path) != trunk.digest:
        raise ModelFolderError(f"{trunk.path}: is damaged; install the package again")
    return read_weights(trunk.path)
