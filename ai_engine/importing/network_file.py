"""A network of somebody else as a file: ONNX, or OpenVINO's own form (``.xml`` with ``.bin``).

OpenVINO reads either; nothing else that a file names is opened. What comes out takes one image and
gives float32, so that whoever runs it need not know what it was.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openvino
from openvino.preprocess import PrePostProcessor

from ai_engine.errors import WeightImportError
from ai_engine.importing.onnx_header import OnnxHeader, read_onnx_header
from ai_engine.library.tensors import Layout

SUFFIXES = (".onnx", ".xml")
LARGEST_FILE = 2 * 1024**3
_OPERATORS = re.compile(r"(?:operations|operators)[^:\n]*:[ \t]*([^\n]+)", re.IGNORECASE)
_EXTERNAL = re.compile(r"external", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkOutput:
    """One output: its name, its shape for one image, and the operator that it comes from."""

    name: str
    shape: tuple[int, ...]
    operator: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NetworkFile:
    """A network that was read: its input, its outputs, and what its file says."""

    model: Any
    input_name: str
    layout: Layout
    channels: int
    size: int
    outputs: tuple[NetworkOutput, ...]
    header: OnnxHeader = field(default_factory=OnnxHeader)
    words: str = ""


def read_network(file: Path, *, size: int = 0) -> NetworkFile:
    """Read a network that takes one image.

    Parameters
    ----------
    file
        ``.onnx``, or ``.xml`` with its ``.bin`` beside it.
    size
        Rows and columns to give it, where it leaves them open.

    Raises
    ------
    WeightImportError
        If it can't be read, has operators that OpenVINO doesn't know, takes something else than
        one square image, or leaves its size open and none was given.
    """
    model, header, words = _read(file)
    if len(model.inputs) != 1:
        raise WeightImportError(
            f"{file}: takes {len(model.inputs)} inputs "
            f"({', '.join(port.any_name for port in model.inputs)}), and one image is given"
        )
    layout, channels, found = _image(file, model, size)
    side = found or size
    shape = {
        Layout.NCHW: [1, channels, side, side],
        Layout.NHWC: [1, side, side, channels],
        Layout.NHW: [1, side, side],
    }[layout]
    try:
        model.reshape({model.input(0): shape})
        model = _in_floats(model)
        _name_outputs(model)
        openvino.Core().compile_model(model, "CPU")
        outputs = tuple(_output(port) for port in model.outputs)
    except (RuntimeError, ValueError) as error:
        raise WeightImportError(
            f"{file}: can't be run on one image of {side} x {side} ({_first_line(error)})"
        ) from error
    return NetworkFile(
        model=model,
        input_name=str(model.input(0).any_name),
        layout=layout,
        channels=channels,
        size=side,
        outputs=outputs,
        header=header,
        words=words,
    )


def _read(file: Path) -> tuple[Any, OnnxHeader, str]:
    """The model, from bytes alone: what a file names beside itself is not looked for."""
    data = _bytes(file)
    header, words, weights = OnnxHeader(), "OpenVINO's own form", b""
    if file.suffix == ".onnx":
        header = read_onnx_header(data, str(file))
        words = header.words
    else:
        weights = _bytes(file.with_suffix(".bin"))
    try:
        model = (
            openvino.Core().read_model(data, weights)
            if weights
            else (openvino.Core().read_model(data))
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise WeightImportError(f"{file}: {_why(error)}") from error
    return model, header, words


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise WeightImportError(f"{file}: is larger than {LARGEST_FILE} bytes")
        return file.read_bytes()
    except OSError as error:
        raise WeightImportError(f"{file}: can't be read ({error.strerror})") from error


def _why(error: Exception) -> str:
    """Why OpenVINO can't read a file, without its addresses and lines of code."""
    text = str(error)
    if found := _OPERATORS.search(text):
        names = ", ".join(dict.fromkeys(re.findall(r"[A-Za-z][\w.]*", found.group(1))))
        return f"has operators that OpenVINO doesn't know: {names[:300]}"
    if _EXTERNAL.search(text):
        return "has its weights in other files; save it as one file"
    return f"can't be read: damaged, or of an unknown form ({_first_line(error)})"


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (told or lines or [type(error).__name__])[0][:200]


def _image(file: Path, model: Any, size: int) -> tuple[Layout, int, int]:
    """The layout of the input, its channels, and its side; 0 for one that is open."""
    shape = model.input(0).get_partial_shape()
    if shape.rank.is_dynamic:
        raise WeightImportError(f"{file}: doesn't say how many axes its input has")
    sides = [0 if side.is_dynamic else side.get_length() for side in shape]
    match sides:
        case [_, 1 | 3 as channels, rows, columns]:
            layout = Layout.NCHW
        case [_, rows, columns, 1 | 3 as channels]:
            layout = Layout.NHWC
        case [_, rows, columns]:
            layout, channels = Layout.NHW, 1
        case _:
            raise WeightImportError(
                f"{file}: its input has the shape {sides} (0 is open), which is no image of one or "
                "three channels"
            )
    if rows != columns:
        raise WeightImportError(f"{file}: takes {rows} x {columns} pixels, and a square is given")
    if not (rows or size):
        raise WeightImportError(f"{file}: leaves the image's size open; give one with --size")
    if rows and size and rows != size:
        raise WeightImportError(f"{file}: takes {rows} x {rows} pixels, not {size}")
    return layout, channels, rows


def _in_floats(model: Any) -> Any:
    """The same network with float32 at both ends."""
    wrapped = PrePostProcessor(model)
    wrapped.input(0).tensor().set_element_type(openvino.Type.f32)
    for number in range(len(model.outputs)):
        wrapped.output(number).tensor().set_element_type(openvino.Type.f32)
    return wrapped.build()


def _name_outputs(model: Any) -> None:
    """One name for each: what is left out of the graph, such as an identity, leaves several."""
    for number, port in enumerate(model.outputs):
        port.get_tensor().set_names({min(port.get_names(), default=f"output_{number}")})


def _output(port: Any) -> NetworkOutput:
    node = port.node.input_value(0).get_node()
    while node.get_type_name() in ("Convert", "Reshape", "Squeeze", "Unsqueeze"):
        node = node.input_value(0).get_node()
    shape = port.get_partial_shape()
    sides = tuple(0 if side.is_dynamic else side.get_length() for side in shape)
    return NetworkOutput(name=min(port.get_names()), shape=sides, operator=node.get_type_name())
