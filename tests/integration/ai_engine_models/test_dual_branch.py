"""Paper 3's dual branch: its parts, a missing lateral image, the start from the triage model."""

from typing import Any

import numpy as np
import pytest

from ai_engine.library.weights_file import assign_weights, model_tensors

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")

SIZE = 64
NAMES = ("frontal", "lateral", "lateral_present")


@pytest.fixture(scope="module")
def model() -> Any:
    from ai_engine.kinds.dual_view.network import build_dual_branch  # noqa: PLC0415

    return build_dual_branch(size=SIZE, frontal_channels=3)


def views(*, lateral: float = 1.0, present: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "frontal": rng.standard_normal((1, SIZE, SIZE, 3), dtype=np.float32),
        "lateral": lateral * rng.standard_normal((1, SIZE, SIZE, 1), dtype=np.float32),
        "lateral_present": np.full((1, 1), present, np.float32),
    }


def test_both_branches_and_the_join_answer_for_13_labels(model: Any) -> None:
    made = [np.asarray(one) for one in model(views(), training=False)]
    assert [one.shape for one in made] == [
        (1, 13), (1, 4, 4, 1024), (1, 4, 4, 1024), (1, 13), (1, 13),
    ]  # fmt: skip
    depths = [
        sum(
            layer.name.startswith(prefix) and layer.name.endswith("_concat")
            for layer in model.layers
        )
        for prefix in ("frontal_conv", "lateral_conv", "conv")
    ]
    assert depths == [6 + 12 + 24, 6 + 12 + 24, 16]


def test_the_other_reading_leaves_two_dense_blocks_for_the_join() -> None:
    from ai_engine.kinds.dual_view.network import build_dual_branch  # noqa: PLC0415

    model = build_dual_branch(branch_blocks=2)
    assert tuple(model.get_layer("frontal_stem_pool").output.shape) == (None, 128, 128, 64)
    names = [layer.name for layer in model.layers if layer.name.endswith("_concat")]
    assert sum(name.startswith("conv") for name in names) == 24 + 16
    assert tuple(model.outputs[1].shape) == (None, 64, 64, 512)


def test_a_missing_lateral_image_has_no_influence(model: Any) -> None:
    absent = [model(views(lateral=scale, present=0.0), training=False)[0] for scale in (0.0, 9.0)]
    np.testing.assert_array_equal(absent[0], absent[1])
    present = model(views(), training=False)[0]
    assert not np.allclose(present, absent[0], atol=1e-7)


def test_it_starts_from_the_triage_model(model: Any) -> None:
    from ai_engine.kinds.dual_view.network import branch_weights  # noqa: PLC0415
    from ai_engine.kinds.triage.network import build_triage  # noqa: PLC0415

    triage, before = model_tensors(build_triage(size=SIZE)), model_tensors(model)
    triage["conv3_block2_1_bn/gamma"] = np.full(128, 7, np.float32)
    started = branch_weights(triage, before)
    assert started.keys() == before.keys()
    for branch in ("frontal", "lateral"):
        assert (started[f"{branch}_conv3_block2_1_bn/gamma"] == 7).all()
    stem = started["frontal_stem_conv/kernel"]
    np.testing.assert_array_equal(stem[:, :, :1], triage["stem_conv/kernel"])
    assert not stem[:, :, 1:].any()
    np.testing.assert_array_equal(started["head/kernel"], before["head/kernel"])
    np.testing.assert_array_equal(
        started["conv5_block1_2_conv/kernel"], triage["conv5_block1_2_conv/kernel"]
    )
    assign_weights(model, started, source=__file__)  # type: ignore[arg-type]
