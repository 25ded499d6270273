"""PyTorch's files are read without PyTorch, and nothing that they name is run."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from ai_engine.errors import WeightImportError
from ai_engine.importing.pickled import StoredTensor
from ai_engine.importing.pytorch_file import _values, read_pytorch
from tests.unit.ai_engine_models.torch_files import (
    FloatStorage,
    Module,
    Parameter,
    Tensor,
    _rebuild_tensor_v2,
    torch_names,
    write_archive,
    write_stream,
)

__all__ = ["torch_names"]

pytestmark = pytest.mark.usefixtures("torch_names")

KERNEL = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
NAME = "features.conv0.weight"
WRITERS = pytest.mark.parametrize("write", [write_archive, write_stream])
Writer = Callable[[Path, Any], None]


class Hostile:
    """Runs a command when it is unpickled by pickle itself."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch pwned",)


@WRITERS
def test_a_state_dictionary_is_read(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "weights.pth"
    counter = "features.norm0.num_batches_tracked"
    write(path, {NAME: Tensor(KERNEL), counter: Tensor(np.zeros(1))})
    source = read_pytorch(path)
    assert source.paths == {NAME: "stem_conv/kernel"}
    np.testing.assert_array_equal(source.tensors[NAME], KERNEL)


@WRITERS
def test_a_checkpoint_around_it_is_opened(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "model.pth.tar"
    moments = defaultdict(dict, {0: {"exp_avg": Tensor(KERNEL + 1)}})
    write(path, {"epoch": 3, "optimizer": moments, "state_dict": {NAME: Tensor(KERNEL)}})
    np.testing.assert_array_equal(read_pytorch(path).tensors[NAME], KERNEL)


@WRITERS
def test_a_whole_module_is_opened(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "module.pt"
    conv = Module({"weight": Parameter(KERNEL), "bias": None}, {})
    write(path, Module({}, {"features": Module({}, {"conv0": conv, "relu0": None})}))
    np.testing.assert_array_equal(read_pytorch(path).tensors[NAME], KERNEL)


@WRITERS
def test_nothing_in_a_file_is_run(
    tmp_path: Path, write: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("hostile.pt"), {NAME: Tensor(KERNEL), "payload": Hostile(), "more": {1: Hostile()}})
    np.testing.assert_array_equal(read_pytorch(Path("hostile.pt")).tensors[NAME], KERNEL)
    assert not Path("pwned").exists()


def test_safetensors_bring_operating_points(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({NAME: KERNEL, "op_threshs": np.array([0.25, np.nan], np.float32)}, path)
    source = read_pytorch(path)
    assert set(source.tensors) == {NAME}
    assert source.thresholds is not None
    np.testing.assert_array_equal(source.thresholds, [0.25, np.nan])


@pytest.mark.parametrize("name", ["a.pt", "a.safetensors"])
def test_a_file_that_is_none_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(WeightImportError, match=name):
        read_pytorch(path)
    path.write_bytes(b"<html>not found</html>")
    with pytest.raises(WeightImportError, match=f"{name}: not a readable PyTorch weights file"):
        read_pytorch(path)


@WRITERS
def test_a_file_cut_short_is_named(tmp_path: Path, write: Writer) -> None:
    path = tmp_path / "weights.pt"
    write(path, {NAME: Tensor(KERNEL)})
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(WeightImportError, match="not a readable PyTorch weights file"):
        read_pytorch(path)


def test_a_file_without_tensors_is_named(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    write_archive(path, {"epoch": 1})
    with pytest.raises(WeightImportError, match="holds no named tensors"):
        read_pytorch(path)
    write_archive(path, [Tensor(KERNEL)])
    with pytest.raises(WeightImportError, match="holds no named tensors"):
        read_pytorch(path)


def test_other_archives_and_pickles_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "x")
    with pytest.raises(WeightImportError, match=r"no data\.pkl"):
        read_pytorch(path)
    path.write_bytes(pickle.dumps(1) + pickle.dumps(2))
    with pytest.raises(WeightImportError, match=r"not a file of torch\.save"):
        read_pytorch(path)


def test_big_endian_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", pickle.dumps({}))
        archive.writestr("w/byteorder", "big")
    with pytest.raises(WeightImportError, match="big-endian"):
        read_pytorch(path)


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(1, (2, 2), (2, 1)), (0, (2, 2), (3, 1)), (-1, (1,), (1,)), (0, (10**12,), (0,))],
)
def test_a_tensor_beyond_its_storage_is_refused(
    offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    stored = StoredTensor(storage="0", dtype="<f4", offset=offset, shape=shape, strides=strides)
    with pytest.raises(ValueError, match="beyond its storage"):
        _values(stored, bytes(16))


def test_a_transposed_view_is_read_by_its_strides() -> None:
    stored = StoredTensor(storage="0", dtype="<f4", offset=0, shape=(3, 2), strides=(1, 3))
    data = np.arange(6, dtype="<f4")
    np.testing.assert_array_equal(_values(stored, data.tobytes()), data.reshape(2, 3).T)


def _nested(depth: int) -> Any:
    inner: Any = {}
    for _ in range(depth):
        inner = {"state_dict": inner}
    return inner


def _holds_itself() -> Any:
    inner: dict[str, Any] = {}
    inner["state_dict"] = inner
    return inner


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x02Nr\xff\xff\xff\xff.",
        b"\x80\x02Np4294967295\n.",
        b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b".",
        b"\x80\x04\x95" + (1 << 60).to_bytes(8, "little") + b".",
        b"\x80\x02" + b"]" * 200_000 + b"a" * 199_999 + b".",
        pickle.dumps(_holds_itself()),
    ],
    ids=["memo", "memo in text", "long bytes", "long frame", "nested lists", "within itself"],
)
@pytest.mark.slow
def test_a_pickle_that_asks_for_the_whole_memory_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", data)
    with pytest.raises(WeightImportError):
        read_pytorch(path)
    path.write_bytes(data)
    with pytest.raises(WeightImportError):
        read_pytorch(path)


def test_an_archive_that_grows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(WeightImportError, match="more bytes than the file"):
        read_pytorch(path)


class View:
    """A tensor over the one storage of its file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_tensor_v2, (STORAGE, 0, (100, 100), (100, 1), False, OrderedDict())


STORAGE = "the storage"


class ViewPickler(pickle.Pickler):
    """Keeps the one storage outside of the pickle."""

    def persistent_id(self, item: Any) -> tuple[Any, ...] | None:
        """PyTorch's reference to a storage."""
        return ("storage", FloatStorage, "0", "cpu", 10_000) if item is STORAGE else None


@pytest.mark.parametrize(("views", "refused"), [(2, False), (1000, True)])
def test_many_tensors_of_few_bytes_are_refused(tmp_path: Path, views: int, refused: bool) -> None:
    path, stream = tmp_path / "weights.pth", io.BytesIO()
    ViewPickler(stream, protocol=2).dump({str(number): View() for number in range(views)})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", stream.getvalue())
        archive.writestr("archive/data/0", np.zeros(10_000, np.float32).tobytes())
    many = pytest.raises(WeightImportError, match="more values than the file has")
    with many if refused else nullcontext():
        assert len(read_pytorch(path).tensors) == views
