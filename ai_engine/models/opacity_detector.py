"""Lung opacities as boxes (paper 4, sections III and VIII): KerasHub's RetinaNet behind an adapter.

RetinaNet (Lin et al., ICCV 2017) with a ResNet-50 and a feature pyramid. Paper 4 names no detector.
KerasHub is not needed for anything else and brings a large tree of dependencies, so it is an
optional package: it is imported where a detector is built, and its absence is said clearly.

Importing this module loads no Keras; building does.
"""

import math
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError
from ai_engine.prediction import Region

DETECTOR_SIZE = 512
BOX_FORMAT = "xyxy"
PYRAMID_LEVELS = (3, 7)
"""Finest and coarsest level: strides of 8 to 128 pixels, anchors of 32 to 512 pixels."""

HEAD_DEVIATION = 0.01
PRIOR = 0.01
"""How probable an opacity is in any anchor before anything is learned."""

Images = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectedOpacity:
    """One box in the pixels of the detector's input, with its confidence from 0 to 1."""

    region: Region
    confidence: float


def build_opacity_detector(
    *, size: int = DETECTOR_SIZE, confidence: float = 0.5, overlap: float = 0.5
) -> Any:
    """Build RetinaNet with fresh weights for one class.

    Parameters
    ----------
    size
        Rows and columns of the input, a multiple of 128.
    confidence
        Boxes below it are dropped.
    overlap
        Of two boxes whose intersection over union is above it, the less confident is dropped.

    Returns
    -------
    keras_hub.models.RetinaNetObjectDetector
        Takes float32 (n, size, size, 3), trains on ``boxes`` (n, m, 4) in pixels as left, top,
        right, bottom, and ``labels`` (n, m), 0 for an opacity and -1 for padding.

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
        stackwise_num_blocks=[3, 4, 6, 3],
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
    decoder = hub.layers.NonMaxSuppression(
        bounding_box_format=BOX_FORMAT,
        from_logits=True,
        iou_threshold=overlap,
        confidence_threshold=confidence,
    )
    detector = hub.models.RetinaNetObjectDetector(
        backbone=backbone,
        num_classes=1,
        bounding_box_format=BOX_FORMAT,
        prediction_decoder=decoder,
    )
    _start_heads(detector)
    return detector


def detect_opacities(detector: Any, images: Images) -> tuple[tuple[DetectedOpacity, ...], ...]:
    """The opacities on each of some radiographs.

    Parameters
    ----------
    detector
        What `build_opacity_detector` returned, trained.
    images
        Float32 (n, size, size, 1), as any classifier here takes them.

    Returns
    -------
    tuple
        For each image its boxes, most confident first, cut at the image's edges.
    """
    decoded = detector.predict(np.repeat(images, 3, axis=-1), verbose=0)
    return tuple(
        boxes_of_image(boxes, scores, int(count), images.shape[1])
        for boxes, scores, count in zip(
            decoded["boxes"], decoded["confidence"], decoded["num_detections"], strict=True
        )
    )


def boxes_of_image(
    boxes: npt.NDArray[np.float32], scores: npt.NDArray[np.float32], count: int, size: int
) -> tuple[DetectedOpacity, ...]:
    """The first ``count`` of (m, 4) boxes and (m,) scores as values, without empty boxes."""
    found = []
    for (left, top, right, bottom), score in zip(
        np.clip(boxes[:count], 0, size).tolist(), scores[:count].tolist(), strict=True
    ):
        if right > left and bottom > top:
            region = Region(left=left, top=top, right=right, bottom=bottom)
            found.append(DetectedOpacity(region=region, confidence=score))
    return tuple(sorted(found, key=lambda opacity: -opacity.confidence))


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
        # Optional and slow to load.
        import keras_hub  # type: ignore[import-not-found, unused-ignore]  # noqa: PLC0415
    except ImportError as error:
        raise BackendError(
            f"opacity detection needs KerasHub, which can't be loaded here ({error}): "
            "install the package keras-hub and start again"
        ) from error
    module: ModuleType = keras_hub
    return module
