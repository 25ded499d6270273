"""Files as ``torch.save`` writes them, made without PyTorch, for readers that must do without."""

import pickle
import struct
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import numpy as np
import pytest

from ai_engine.importing.pytorch_file import STREAM_MAGIC, STREAM_PROTOCOL


def _rebuild_tensor_v2(*_: Any) -> None:
    """Stands for PyTorch's function: only its name is pickled."""


def _rebuild_parameter(*_: Any) -> None:
    """Stands for PyTorch's function: only its name is pickled."""


class FloatStorage:
    """Stands for PyTorch's class: only its name is pickled."""


class Tensor:
    """A tensor that pickles as PyTorch's do, its values in a storage of its own."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.ascontiguousarray(values, dtype=np.float32)
        self.strides = tuple(step // 4 for step in self.values.strides)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, (self, 0, self.values.shape, self.strides, False, OrderedDict())


class Parameter:
    """A tensor that is learned; pickles around it."""

    def __init__(self, values: np.ndarray) -> None:
        self.tensor = Tensor(values)

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_parameter, (self.tensor, True, OrderedDict())


class Module:
    """A module that pickles as PyTorch's do: by its state."""

    def __init__(self, parameters: dict[str, Any], children: dict[str, Any]) -> None:
        self._parameters = OrderedDict(parameters)
        self._buffers: OrderedDict[str, Any] = OrderedDict()
        self._modules = OrderedDict(children)


class TorchPickler(pickle.Pickler):
    """Keeps storages outside of the pickle, as PyTorch does."""

    def __init__(self, stream: BinaryIO, *, legacy: bool) -> None:
        super().__init__(stream, protocol=2)
        self.legacy = legacy
        self.storages: dict[str, bytes] = {}
        self._opened: set[int] = set()

    def persistent_id(self, item: Any) -> tuple[Any, ...] | None:
        """A tensor met within its own reduction is its storage."""
        if not isinstance(item, Tensor):
            return None
        if id(item) not in self._opened:
            self._opened.add(id(item))
            return None
        key = str(len(self.storages))
        self.storages[key] = item.values.tobytes()
        reference = ("storage", FloatStorage, key, "cpu", item.values.size)
        return (*reference, None) if self.legacy else reference


@pytest.fixture
def torch_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules under PyTorch's names, so that pickling finds what it names."""
    torch, utils = ModuleType("torch"), ModuleType("torch._utils")
    for item, module in (
        (FloatStorage, torch),
        (_rebuild_tensor_v2, utils),
        (_rebuild_parameter, utils),
    ):
        setattr(module, item.__name__, item)
        monkeypatch.setattr(item, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setitem(sys.modules, "torch._utils", utils)


def write_archive(path: Path, item: Any) -> None:
    """Today's format."""
    with zipfile.ZipFile(path, "w") as archive:
        with archive.open("weights/data.pkl", "w") as stream:
            pickler = TorchPickler(stream, legacy=False)  # type: ignore[arg-type]
            pickler.dump(item)
        archive.writestr("weights/byteorder", "little")
        for key, data in pickler.storages.items():
            archive.writestr(f"weights/data/{key}", data)


def write_stream(path: Path, item: Any) -> None:
    """The format before 1.6."""
    with path.open("wb") as stream:
        system = {"protocol_version": STREAM_PROTOCOL, "little_endian": True, "type_sizes": {}}
        for part in (STREAM_MAGIC, STREAM_PROTOCOL, system):
            pickle.dump(part, stream, protocol=2)
        pickler = TorchPickler(stream, legacy=True)
        pickler.dump(item)
        pickle.dump(sorted(pickler.storages), stream, protocol=2)
        for _, data in sorted(pickler.storages.items()):
            stream.write(struct.pack("<q", len(data) // 4) + data)
