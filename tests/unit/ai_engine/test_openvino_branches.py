"""A network's looks run beside one another, and say what the whole network says."""

import gc
import os
import threading
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import openvino
import pytest
from openvino import opset13

from ai_engine.inference.haste import in_haste
from ai_engine.inference.openvino_backend import OpenVinoBackend, Precision
from ai_engine.inference.openvino_branches import branches_of
from ai_engine.inference.openvino_compiled import Compiled, cpu_settings

SIZE = 16


def looking(*, together: bool = False, joins: bool = True) -> openvino.Model:
    """A network of one input and two outputs: two convolutions' maps, and their weighted mean."""
    numbers = np.random.default_rng(5)
    image = opset13.parameter([-1, 1, SIZE, SIZE], np.float32, "image")

    def seen(of: openvino.Node, inputs: int) -> openvino.Node:
        kernel = numbers.standard_normal((3, inputs, 3, 3)).astype(np.float32)
        made = opset13.convolution(of, kernel, [2, 2], [1, 1], [1, 1], [1, 1])
        return opset13.relu(made)

    first = seen(image, 1)
    second = seen(first, 3) if together else seen(image, 1)
    wide = opset13.interpolate(second, [8, 8], "nearest", "sizes", axes=[2, 3])
    maps = opset13.concat([first, wide], 1) if joins else opset13.add(first, wide)
    channels = 6 if joins else 3
    pooled = opset13.reduce_mean(maps, np.array([2, 3]), keep_dims=False)
    head = numbers.standard_normal((channels, 2)).astype(np.float32)
    said = opset13.sigmoid(opset13.matmul(pooled, head, False, False))
    shown = opset13.transpose(maps, np.array([0, 2, 3, 1]))
    return openvino.Model([said, shown], [image], "looking")


@pytest.fixture
def batch() -> np.ndarray:
    return np.random.default_rng(6).standard_normal((2, 1, SIZE, SIZE)).astype(np.float32)


def test_looks_beside_one_another_say_what_the_whole_network_says(
    tmp_path: Path, batch: np.ndarray
) -> None:
    path = tmp_path / "looking.xml"
    openvino.save_model(looking(), path, compress_to_fp16=False)
    whole = Compiled(openvino.Core().read_model(path), cpu_settings("f32", 1)).infer(batch)
    backend = OpenVinoBackend(path, threads=1)
    with in_haste():
        made = backend.predict(batch)
    for each in (made, backend.predict(batch)):
        np.testing.assert_array_equal(each.probabilities, whole[0])
        np.testing.assert_array_equal(each.features, whole[1])


def test_a_network_taken_apart_is_held_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole beside its parts, the chest network took some 200 MB more in each worker."""
    path = tmp_path / "looking.xml"
    openvino.save_model(looking(), path)
    compiled: list[int] = []
    compile_model = openvino.Core.compile_model

    def counting(core: openvino.Core, model: openvino.Model, *rest: object) -> object:
        compiled.append(sum("Convolution" in each.get_type_name() for each in model.get_ops()))
        return compile_model(core, model, *rest)

    monkeypatch.setattr(openvino.Core, "compile_model", counting)
    OpenVinoBackend(path, threads=1)
    assert sorted(compiled) == [0, 1, 1], "two looks, and what joins them"


def test_the_threads_of_looks_end_with_their_network(tmp_path: Path, batch: np.ndarray) -> None:
    path = tmp_path / "looking.xml"
    openvino.save_model(looking(), path)
    before = set(threading.enumerate())
    backend = OpenVinoBackend(path, threads=1)
    with in_haste():
        backend.predict(batch)
    begun = set(threading.enumerate()) - before
    assert begun
    del backend
    gc.collect()
    for each in begun:
        each.join(5)
        assert not each.is_alive()


def test_several_callers_are_not_given_one_anothers_maps(tmp_path: Path) -> None:
    path = tmp_path / "looking.xml"
    openvino.save_model(looking(), path, compress_to_fp16=False)
    backend = OpenVinoBackend(path, threads=1)
    batches = [
        np.random.default_rng(seed).standard_normal((1, 1, SIZE, SIZE)).astype(np.float32)
        for seed in range(4)
    ]
    right = [backend.predict(each).features for each in batches]
    wrong: list[int] = []

    def ask(at: int) -> None:
        with in_haste():
            said = [backend.predict(batches[at]).features for _ in range(50)]
        wrong.extend(at for each in said if not np.array_equal(each, right[at]))

    threads = [threading.Thread(target=ask, args=(at,)) for at in range(len(batches))]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not wrong


@pytest.mark.parametrize("how", [{"together": True}, {"joins": False}])
def test_a_network_that_does_not_fall_apart_stays_whole(how: dict[str, bool]) -> None:
    assert branches_of(looking(**how)) is None


@pytest.mark.parametrize(
    ("threads", "precision", "haste", "beside"),
    [
        (1, Precision.F32, True, True),
        (1, Precision.F32, False, False),
        (None, Precision.F32, True, False),
        (1, Precision.BF16, True, False),
    ],
)
def test_looks_run_beside_one_another_in_haste_where_that_is_what_the_whole_one_says(
    tmp_path: Path,
    batch: np.ndarray,
    threads: int | None,
    precision: Precision,
    *,
    haste: bool,
    beside: bool,
) -> None:
    """In bf16 OpenVINO rounds other layers of a part than of the whole."""
    path = tmp_path / "looking.xml"
    openvino.save_model(looking(), path)
    before = set(threading.enumerate())
    with in_haste() if haste else nullcontext():
        OpenVinoBackend(path, threads=threads, precision=precision).predict(batch)
    begun = set(threading.enumerate()) - before  # others of that name may not have ended yet
    assert any(each.name.startswith("look") for each in begun) is beside


def test_no_counted_thread_is_held_to_a_core(tmp_path: Path, batch: np.ndarray) -> None:
    """Networks that run beside one another, and workers, would all be held to the same core."""
    path = tmp_path / "looking.xml"
    openvino.save_model(looking(), path)
    allowed = os.sched_getaffinity(0)
    compiled = Compiled(openvino.Core().read_model(path), cpu_settings("f32", 1))
    held: list[set[int]] = []

    def infer() -> None:
        compiled.infer(batch)
        held.append(os.sched_getaffinity(0))

    beside = threading.Thread(target=infer)
    beside.start()
    beside.join()
    assert held == [allowed]
    assert not cpu_settings("f32", 1)["ENABLE_CPU_PINNING"]
    assert "ENABLE_CPU_PINNING" not in cpu_settings("f32", None)
