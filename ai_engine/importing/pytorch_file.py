"""PyTorch's weights files: the zip archive of today, the stream before 1.6, and safetensors."""

import io
import math
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ai_engine.errors import WeightImportError
from ai_engine.importing.names import torch_path
from ai_engine.importing.pickled import (
    PICKLE_FAULTS,
    StoredTensor,
    read_inert,
    state_dict,
)
from ai_engine.importing.source import Array, Framework, SourceTensors

STREAM_MAGIC = 0x1950A86A20F9469CFC6C
STREAM_PROTOCOL = 1001
TORCH_EPSILON = 1e-5
THRESHOLDS = "op_threshs"
"""Name of torchxrayvision's operating points, where a file has them among its tensors."""

COUNTER = "num_batches_tracked"
"""Last part of the name of a counter that PyTorch keeps with each batch normalisation."""

Storages = Callable[[StoredTensor], bytes]


def read_pytorch(path: Path) -> SourceTensors:
    """Read a state dictionary (``.pt``, ``.pth``, ``.pth.tar`` or ``.safetensors``).

    Whole pickled modules are read too, as torchxrayvision publishes them. Nothing that a file
    names is run, and PyTorch is not needed.

    Raises
    ------
    WeightImportError
        If the file is missing, damaged, or holds no tensors.
    """
    tensors = _safetensors(path) if path.suffix == ".safetensors" else _pickled(path)
    thresholds = tensors.pop(THRESHOLDS, None)
    kept = {name: value for name, value in tensors.items() if not name.endswith(COUNTER)}
    if not kept:
        raise WeightImportError(f"{path}: holds no named tensors; export the model's state_dict")
    return SourceTensors(
        framework=Framework.PYTORCH,
        tensors=kept,
        paths={name: torch_path(name) for name in kept},
        epsilon=TORCH_EPSILON,
        thresholds=None if thresholds is None else tuple(map(float, thresholds.ravel())),
    )


def _safetensors(path: Path) -> dict[str, Array]:
    try:
        return {name: value.astype(np.float32) for name, value in load_file(path).items()}
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def _pickled(path: Path) -> dict[str, Array]:
    try:
        if zipfile.is_zipfile(path):
            return _from_archive(path)
        with path.open("rb") as stream:
            return _from_stream(stream, path)
    except (OSError, zipfile.BadZipFile, struct.error, *PICKLE_FAULTS) as error:
        raise _unreadable(path, error) from error


def _from_archive(path: Path) -> dict[str, Array]:
    """``<name>/data.pkl`` and one entry for each storage under ``<name>/data/``."""
    with zipfile.ZipFile(path) as archive:
        _require_stored(archive, path)
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if len(pickles) != 1:
            raise ValueError("the archive has no data.pkl")
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}byteorder" in archive.namelist():
            _require_little_endian(archive.read(f"{root}byteorder"))
        stored, _ = read_inert(io.BytesIO(archive.read(pickles[0])))
        tensors = state_dict(stored)
        _require_modest(tensors, path)
        return _resolved(tensors, lambda tensor: archive.read(f"{root}data/{tensor.storage}"))


def _from_stream(stream: BinaryIO, path: Path) -> dict[str, Array]:
    """Five pickles (magic number, protocol, system, object, storage keys), then the storages."""
    if [read_inert(stream)[0] for _ in range(2)] != [STREAM_MAGIC, STREAM_PROTOCOL]:
        raise ValueError("not a file of torch.save")
    system, _ = read_inert(stream)
    _require_little_endian(b"little" if system["little_endian"] else b"big")
    stored, types = read_inert(stream)
    tensors = state_dict(stored)
    _require_modest(tensors, path)
    storages: dict[str, bytes] = {}
    keys, _ = read_inert(stream)
    for key in map(str, keys):
        (count,) = struct.unpack("<q", stream.read(8))
        storages[key] = stream.read(count * np.dtype(types[key]).itemsize)
    return _resolved(tensors, lambda tensor: storages[tensor.storage])


def _require_stored(archive: zipfile.ZipFile, path: Path) -> None:
    """Raise ValueError for an archive that grows: PyTorch stores its tensors as they are."""
    if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
        raise ValueError("the archive holds more bytes than the file; save it with torch.save")


def _require_modest(tensors: Mapping[str, StoredTensor], path: Path) -> None:
    """Raise ValueError where many tensors share few bytes, which would fill the memory."""
    if sum(math.prod(tensor.shape) for tensor in tensors.values()) > path.stat().st_size:
        raise ValueError("the tensors have more values than the file has bytes")


def _resolved(stored: Mapping[str, StoredTensor], storages: Storages) -> dict[str, Array]:
    return {name: _values(tensor, storages(tensor)) for name, tensor in stored.items()}


def _values(tensor: StoredTensor, data: bytes) -> Array:
    """A tensor's values; a view outside of its storage is a ValueError."""
    flat = np.frombuffer(data, dtype=tensor.dtype)
    sizes = zip(tensor.shape, tensor.strides, strict=True)
    last = tensor.offset + sum((size - 1) * stride for size, stride in sizes)
    inside = min(tensor.offset, *tensor.strides, *tensor.shape, 0) >= 0 and last < len(flat)
    # Strides of 0 could make a small storage a huge tensor; weights have none.
    if not inside or math.prod(tensor.shape) > len(flat):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond its storage")
    steps = tuple(stride * flat.itemsize for stride in tensor.strides)
    view = np.lib.stride_tricks.as_strided(flat[tensor.offset :], tensor.shape, steps)
    return np.array(view, dtype=np.float32)


def _require_little_endian(order: bytes) -> None:
    if order != b"little":
        raise ValueError("the file was written on a big-endian machine")


def _unreadable(path: Path, error: Any) -> WeightImportError:
    return WeightImportError(
        f"{path}: not a readable PyTorch weights file ({type(error).__name__}: {error}); "
        "download it again or save the model's state_dict with torch.save"
    )
