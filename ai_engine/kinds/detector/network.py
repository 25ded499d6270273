"""Lung opacities as boxes (paper 4, sections III and VIII): KerasHub's RetinaNet behind an adapter.

RetinaNet (Lin et al., ICCV 2017) with a ResNet-50 and a feature pyramid. Paper 4 names no detector.
KerasHub is needed to train it and brings a large tree of dependencies, so it is an optional
package: it is imported where a detector is built, and its absence is said clearly. What was trained
is written as a network of its own (`box_network`), which runs without it.

Importing this module loads no Keras; building does.
"""

import math
from types import ModuleType
from typing import Any

from ai_engine.errors import BackendError

DETECTOR_SIZE = 512
BOX_FORMAT = "xyxy"
PYRAMID_LEVELS = (3, 7)
"""Finest and coarsest level: strides of 8 to 128 pixels, anchors of 32 to 512 pixels."""

ENCODER_BLOCKS = (3, 4, 6, 3)
"""Residual blocks of each stage: those of ResNet-50."""

HEAD_DEVIATION = 0.01
PRIOR = 0.01
"""How probable an opacity is in any anchor before anything is learned."""


def build_opacity_detector(*, size: int = DETECTOR_SIZE, labels: int = 1) -> Any:
    """Build RetinaNet with fresh weights.

    Parameters
    ----------
    size
        Rows and columns of the input, a multiple of 128.
    labels
        Kinds of finding that it boxes.

    Returns
    -------
    keras_hub.models.RetinaNetObjectDetector
        Takes float32 (n, size, size, 3), trains on ``boxes`` (n, m, 4) in pixels as left, top,
        right, bottom, and ``labels`` (n, m), -1 for padding.

    Raises
    ------
    BackendError
        If KerasHub is not installed.
    """
    hub = _keras_hub()
    encoder = hub.models.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        stackwise_num_filters=[64, 128, 256, 512],
        stackwise_num_blocks=list(ENCODER_BLOCKS),
        stackwise_num_strides=[1, 2, 2, 2],
        block_type="bottleneck_block",
        image_shape=(size, size, 3),
    )
    finest, coarsest = PYRAMID_LEVELS
    backbone = hub.models.RetinaNetBackbone(
        image_encoder=encoder,
        min_level=finest,
        max_level=coarsest,
        use_p5=False,
        image_shape=(size, size, 3),
    )
    detector = hub.models.RetinaNetObjectDetector(
        backbone=backbone, num_classes=labels, bounding_box_format=BOX_FORMAT
    )
    _start_heads(detector)
    return detector


def box_network(detector: Any, *, size: int = DETECTOR_SIZE) -> Any:
    """What a trained detector is served as, sharing its weights.

    Returns
    -------
    keras.Model
        Input ``image``, float32 (n, size, size, 1) as any classifier here takes it. Outputs:
        ``boxes``, float32 (n, m, 4) as left, top, right and bottom in pixels of the input, for
        every anchor, and ``scores``, float32 (n, m, labels) from 0 to 1; nothing is suppressed.
    """
    import keras  # noqa: PLC0415 - loaded with KerasHub anyway
    from keras.utils import bounding_boxes  # noqa: PLC0415 - the same

    image = keras.Input((size, size, 1), name="image")
    made = detector(keras.layers.Concatenate(name="three_channels")([image, image, image]))
    levels = detector.anchor_generator(keras.ops.zeros((1, size, size, 3))).values()
    anchors = keras.ops.concatenate(list(levels), axis=0)

    def decoded(deltas: Any) -> Any:
        return bounding_boxes.decode_deltas_to_boxes(
            anchors=anchors,
            boxes_delta=keras.ops.cast(deltas, "float32"),
            encoded_format="center_xywh",
            anchor_format=detector.anchor_generator.bounding_box_format,
            box_format=BOX_FORMAT,
            image_shape=(size, size, 3),
        )

    boxes = keras.layers.Lambda(
        decoded, output_shape=tuple(anchors.shape), name="boxes", dtype="float32"
    )(made["bbox_regression"])
    scores = keras.layers.Activation("sigmoid", name="scores", dtype="float32")(made["cls_logits"])
    return keras.Model(image, {"boxes": boxes, "scores": scores}, name="box_network")


def _start_heads(detector: Any) -> None:
    """Fresh weights of the heads as Lin et al. have them (section 4.1, "Initialization").

    KerasHub 0.32 starts them five times wider and gives the prior to the box head, so that the
    first steps diverge.
    """
    import keras  # noqa: PLC0415 - loaded with KerasHub anyway

    for head in (detector.box_head, detector.classification_head):
        for conv in (*head.conv_layers, head.prediction_layer):
            conv.kernel.assign(keras.random.normal(conv.kernel.shape, stddev=HEAD_DEVIATION))
            conv.bias.assign(keras.ops.zeros(conv.bias.shape))
    bias = detector.classification_head.prediction_layer.bias
    bias.assign(keras.ops.full(bias.shape, math.log(PRIOR / (1 - PRIOR))))


def _keras_hub() -> ModuleType:
    try:
        import keras_hub  # noqa: PLC0415 - optional, and slow to load
    except ImportError as error:
        raise BackendError(
            f"a detector is trained with KerasHub, which can't be loaded here ({error}): install "
            "it (pip install -c requirements/dev.txt keras-hub) and start again"
        ) from error
    module: ModuleType = keras_hub
    return module
