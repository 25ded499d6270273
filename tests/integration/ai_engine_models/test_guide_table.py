"""The guide's table of architectures says what is built."""

import re
from pathlib import Path

import pytest

pytest.importorskip("keras")
pytest.importorskip("tensorflow")

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "models.md"
ROW = re.compile(
    r"^\| `(\w+)` \| [^|]+ \| (\d+) \| (\d+) \| (\d+) × (\d+) × (\d+) \| ([\d,]+) \|", re.MULTILINE
)
ROWS = [
    (name, int(size), int(labels), (None, int(rows), int(columns), int(channels)), count)
    for name, size, labels, rows, columns, channels, count in ROW.findall(GUIDE.read_text("utf-8"))
]


@pytest.mark.parametrize(
    ("name", "size", "labels", "shape", "parameters"), ROWS, ids=[row[0] for row in ROWS]
)
def test_shape_and_parameters_are_those_of_the_table(
    name: str, size: int, labels: int, shape: tuple[int, ...], parameters: str
) -> None:
    from ai_engine.models.catalogue import build  # noqa: PLC0415 - loads Keras

    model = build(name, labels=labels, size=size)
    assert f"{model.count_params():,}" == parameters
    assert shape in [tuple(output.shape) for output in model.outputs]


@pytest.mark.parametrize(
    ("name", "labels", "channels"), [("densenet121", 1, 2), ("dual_branch", 13, 3)]
)
def test_further_channels_change_the_first_convolution_alone(
    name: str, labels: int, channels: int
) -> None:
    from ai_engine.models.catalogue import build  # noqa: PLC0415 - loads Keras

    model = build(name, labels=labels, size=512, channels=channels)
    (row,) = (
        line
        for line in GUIDE.read_text("utf-8").splitlines()
        if line.endswith(f"| {model.count_params():,} |")
    )
    assert f"512 × 512 × {channels}" in row
    first = next(each for each in model.inputs if each.name in {"image", "frontal"})
    assert tuple(first.shape) == (None, 512, 512, channels)


def test_every_published_architecture_is_in_the_table() -> None:
    from ai_engine.models.catalogue import architectures  # noqa: PLC0415 - loads Keras

    ours = {"guardnet", "bone_generator_small", "efficientnet_lungs"}
    ours |= {"unet_vgg16_quarter", "xnet_quarter", "bone_unet", "opacity_cells"}
    assert {row[0] for row in ROWS} == set(architectures()) - ours
