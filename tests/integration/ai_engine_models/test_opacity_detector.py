"""KerasHub's RetinaNet behind the adapter, where KerasHub is there."""

import numpy as np
import pytest

keras = pytest.importorskip("keras")
pytest.importorskip("tensorflow")
pytest.importorskip("keras_hub", reason="KerasHub is absent: no detector to build")

SIZE = 128


def test_a_detector_trains_a_step_and_finds_boxes_inside_the_image() -> None:
    from ai_engine.models.opacity_detector import (  # noqa: PLC0415
        build_opacity_detector,
        detect_opacities,
    )

    detector = build_opacity_detector(size=SIZE, confidence=0.0)
    resnet50_without_biases = 23_561_152  # the convolutions and norms that torchvision counts
    encoder = detector.backbone.image_encoder
    assert encoder.count_params() == resnet50_without_biases
    images = np.random.default_rng(1).random((2, SIZE, SIZE, 3), dtype=np.float32)
    boxes = np.array([[[10, 10, 60, 60]], [[40, 20, 90, 100]]], np.float32)
    labels = np.zeros((2, 1), np.float32)
    detector.compile(
        optimizer=keras.optimizers.SGD(1e-4), box_loss="auto", classification_loss="auto"
    )
    before = detector(images)["cls_logits"]
    assert np.median(1 / (1 + np.exp(-np.asarray(before)))) < 0.1
    # Not train_on_batch: KerasHub 0.32 can't take boxes and labels there.
    target = {"boxes": boxes, "labels": labels}
    history = detector.fit(images, target, batch_size=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    first, second = detect_opacities(detector, images[..., :1])
    for opacity in (*first, *second):
        assert 0 <= opacity.region.left < opacity.region.right <= SIZE
        assert 0 <= opacity.region.top < opacity.region.bottom <= SIZE
        assert 0 <= opacity.confidence <= 1
    assert first
