"""Reading PyTorch's pickles without running anything that is in them.

A pickle can name any function of any package and have it called. Here nothing named in a file is
ever looked up: tensors become `StoredTensor`, ordered dictionaries become dictionaries, and
everything else becomes an inert `Placeholder` that keeps its state. That reads whole pickled
modules too, such as torchxrayvision's published files, without their classes.
"""

import pickle
import pickletools
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

DTYPES = {
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "DoubleStorage": "<f8",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "<i1",
    "ByteStorage": "<u1",
    "BoolStorage": "|b1",
}
"""NumPy's names of the element types of PyTorch's storages."""

PICKLE_FAULTS = (
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    UnicodeDecodeError,
    ValueError,
)
"""What reading a damaged or hostile pickle raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """A tensor whose values lie elsewhere in the file; offset and strides count elements."""

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageReference:
    """A storage by its key in the file."""

    key: str
    dtype: str


class Placeholder:
    """What stands for an object of any class: its state, and nothing that could run."""

    state: dict[str, Any]

    def __new__(cls, *_arguments: Any, **_named: Any) -> "Placeholder":
        """Take any arguments; a pickle may make objects without calling ``__init__``."""
        made = super().__new__(cls)
        made.state = {}
        return made

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        """Take any arguments."""

    def __setstate__(self, state: Any) -> None:
        self.state = state if isinstance(state, dict) else {}

    def __setitem__(self, key: Any, value: Any) -> None:
        """Forget the item: of mappings, only dictionaries are read."""

    def append(self, item: Any) -> None:
        """Forget the item: of sequences, only lists and tuples are read."""


class InertReader(pickle.Unpickler):
    """An unpickler that knows tensors and calls nothing else.

    ``storages`` has NumPy's name of the element type of every storage met, by its key.
    """

    def __init__(self, stream: BinaryIO) -> None:
        # Old files hold byte strings of Python 2, which are Latin-1 where they are text.
        super().__init__(stream, encoding="latin-1")
        self.storages: dict[str, str] = {}

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for whatever the pickle names."""
        if module.split(".", maxsplit=1)[0] == "torch" and name in DTYPES:
            return name
        return _KNOWN.get((module, name), type(name.rpartition(".")[2], (Placeholder,), {}))

    def persistent_load(self, pid: Any) -> Any:
        """A storage, which PyTorch keeps outside of the pickle, or a class with its source."""
        kind, item, key, *_ = pid
        if kind == "module":
            return item
        if kind != "storage" or item not in DTYPES:
            raise pickle.UnpicklingError(f"unknown persistent object {kind!r} of type {item!r}")
        self.storages[str(key)] = DTYPES[item]
        return StorageReference(key=str(key), dtype=DTYPES[item])


def read_inert(stream: BinaryIO) -> tuple[Any, dict[str, str]]:
    """Read one pickle: the object, and the element types of the storages that it names.

    Raises one of `PICKLE_FAULTS` for a damaged or hostile one.
    """
    _require_modest(stream)
    reader = InertReader(stream)
    return reader.load(), reader.storages


def _require_modest(stream: BinaryIO) -> None:
    """Raise UnpicklingError for a memo index without its object.

    An unpickler makes room for all indices below: four bytes could ask for 32 GiB.
    """
    start = stream.tell()
    for count, (operation, argument, _) in enumerate(pickletools.genops(stream)):
        if operation.name in _MEMO and int(argument or 0) > count:
            raise pickle.UnpicklingError(f"memo index {argument} after {count} operations")
    stream.seek(start)


_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})


def state_dict(stored: Any) -> dict[str, StoredTensor]:
    """The named tensors in what was read: a state dictionary, a checkpoint around it, or a module.

    Returns
    -------
    dict
        Empty if there are none.
    """
    if isinstance(stored, Placeholder):
        return _of_module(stored, "")
    if not isinstance(stored, dict):
        return {}
    tensors = {str(name): item for name, item in stored.items() if isinstance(item, StoredTensor)}
    inner = (state_dict(stored[key]) for key in ("state_dict", "model") if key in stored)
    return next((found for found in inner if found), tensors)


def _of_module(module: Placeholder, prefix: str) -> dict[str, StoredTensor]:
    """A pickled torch.nn.Module's parameters and buffers, and those of its children."""
    found: dict[str, StoredTensor] = {}
    for kind in ("_parameters", "_buffers"):
        for name, item in module.state.get(kind, {}).items():
            if isinstance(item, StoredTensor):
                found[prefix + name] = item
    for name, child in module.state.get("_modules", {}).items():
        if isinstance(child, Placeholder):
            found |= _of_module(child, f"{prefix}{name}.")
    return found


def _tensor(
    storage: StorageReference,
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: Any,
) -> StoredTensor:
    return StoredTensor(
        storage=storage.key,
        dtype=storage.dtype,
        offset=int(offset),
        shape=tuple(map(int, shape)),
        strides=tuple(map(int, strides)),
    )


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor"): _tensor,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch", "Size"): tuple,
}
