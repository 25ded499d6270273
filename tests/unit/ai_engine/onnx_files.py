"""ONNX files written by hand, field by field (onnx.proto3): small networks of every shape."""

import json
import struct
from collections.abc import Sequence

import numpy as np

FLOAT, DOUBLE, UINT8 = 1, 11, 2


def classifier(
    *,
    labels: int = 2,
    size: int | str = 64,
    channels: int = 1,
    last: str = "Sigmoid",
    metadata: dict[str, str] | None = None,
    maps: bool = False,
    kind: int = FLOAT,
) -> bytes:
    """A mean over the image, a dense layer and ``last``; with ``maps`` the last map too.

    Label 0 is as probable as the image is bright, by sigmoid(mean); label n by sigmoid(-n * mean).
    """
    weights = np.array([[1.0 - 2 * number] * channels for number in range(labels)], np.float32).T
    weights /= channels
    given = "image" if kind == FLOAT else "as_float"
    nodes = [
        *([node("Cast", ["image"], ["as_float"], to=FLOAT)] if kind != FLOAT else []),
        node("GlobalAveragePool", [given], ["pooled"]),
        node("Flatten", ["pooled"], ["flat"]),
        node("MatMul", ["flat", "weights"], ["logits"]),
        node(last, ["logits"], ["probabilities"]),
    ]
    outputs = [value("probabilities", [1, labels])]
    if maps:
        nodes.append(node("AveragePool", [given], ["maps"], kernel_shape=[8, 8], strides=[8, 8]))
        outputs.append(value("maps", [1, channels, "h", "w"]))
    return model(
        nodes,
        inputs=[value("image", ["n", channels, size, size], kind)],
        outputs=outputs,
        weights={"weights": weights},
        metadata=metadata,
    )


def segmenter(*, size: int = 64) -> bytes:
    """How probably each pixel is bright, by sigmoid(pixel)."""
    return model(
        [node("Sigmoid", ["image"], ["mask"])],
        inputs=[value("image", [1, 1, size, size])],
        outputs=[value("mask", [1, 1, size, size])],
    )


def with_unknown_operator() -> bytes:
    """A graph with an operator that nobody knows."""
    return model(
        [
            node("Mystery", ["image"], ["seen"], domain="vendor.secret"),
            node("Sigmoid", ["seen"], ["out"]),
        ],
        inputs=[value("image", [1, 1, 64, 64])],
        outputs=[value("out", [1, 1, 64, 64])],
        domains={"": 13, "vendor.secret": 1},
    )


def labelled(*names: str) -> dict[str, str]:
    """Metadata with labels as exporters write them."""
    return {"labels": json.dumps(list(names))}


def model(
    nodes: Sequence[bytes],
    *,
    inputs: Sequence[bytes],
    outputs: Sequence[bytes],
    weights: dict[str, np.ndarray] | None = None,
    metadata: dict[str, str] | None = None,
    domains: dict[str, int] | None = None,
) -> bytes:
    """A ModelProto."""
    graph = b"".join(
        [
            *(_message(1, each) for each in nodes),
            _text(2, "a graph"),
            *(_message(5, _tensor(name, values)) for name, values in (weights or {}).items()),
            *(_message(11, each) for each in inputs),
            *(_message(12, each) for each in outputs),
        ]
    )
    sets = (domains or {"": 13}).items()
    return b"".join(
        [
            _number(1, 8),
            _text(2, "by hand"),
            _text(3, "1.0"),
            _message(7, graph),
            *(_message(8, _text(1, name) + _number(2, version)) for name, version in sets),
            *(
                _message(14, _text(1, key) + _text(2, text))
                for key, text in (metadata or {}).items()
            ),
        ]
    )


def node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    domain: str = "",
    **attributes: int | list[int],
) -> bytes:
    """A NodeProto."""
    parts = [_text(1, name) for name in inputs] + [_text(2, name) for name in outputs]
    parts += [_text(3, f"{operator} of {outputs[0]}"), _text(4, operator)]
    for name, given in attributes.items():
        if isinstance(given, int):
            parts.append(_message(5, _text(1, name) + _number(3, given) + _number(20, 2)))
        else:
            numbers = b"".join(_number(8, each) for each in given)
            parts.append(_message(5, _text(1, name) + numbers + _number(20, 7)))
    return b"".join(parts) + (_text(7, domain) if domain else b"")


def value(name: str, shape: Sequence[int | str], kind: int = FLOAT) -> bytes:
    """A ValueInfoProto."""
    sides = b"".join(
        _message(1, _number(1, side) if isinstance(side, int) else _text(2, side)) for side in shape
    )
    tensor = _number(1, kind) + _message(2, sides)
    return _text(1, name) + _message(2, _message(1, tensor))


def _tensor(name: str, values: np.ndarray) -> bytes:
    sides = b"".join(_number(1, side) for side in values.shape)
    return sides + _number(2, FLOAT) + _text(8, name) + _message(9, values.astype("<f4").tobytes())


def _number(field: int, number: int) -> bytes:
    return _varint(field << 3) + _varint(number)


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode())


def _message(field: int, data: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _varint(number: int) -> bytes:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return struct.pack(f"{len(parts) + 1}B", *parts, number)
