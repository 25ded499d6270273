"""Build every architecture on Keras' OpenVINO backend and say what came out, as JSON.

Run apart from the tests, because Keras fixes its backend when it is first imported.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import openvino

from ai_engine.kinds.bones import network as bone_gan
from ai_engine.kinds.bones import unet as bone_unet
from ai_engine.kinds.dual_view import network as dual_branch
from ai_engine.kinds.with_header import head as opacity_head
from ai_engine.models import alexnet, efficientnet, end_to_end, resnet, unet_vgg16, xception


def defaults() -> dict[str, Any]:
    """Each network with the sizes that its paper states."""
    return {
        "alexnet": alexnet.build_alexnet(labels=14),
        "resnet50": resnet.build_resnet50(labels=14),
        "efficientnetb4": efficientnet.build_efficientnet_b4(labels=14),
        "xray_or_not": end_to_end.build_xray_or_not(),
        "dual_branch": dual_branch.build_dual_branch(frontal_channels=3),
        "unet_vgg16": unet_vgg16.build_unet_vgg16(),
        "bone_generator": bone_gan.build_generator(),
        "bone_unet": bone_unet.build_bone_unet(),
        "xception": xception.build_xception(),
        "opacity_head": opacity_head.build_opacity_head(),
    }


def small() -> dict[str, Any]:
    """Those networks that are exported, at sizes that are quickly run."""
    return {
        "efficientnetb4": efficientnet.build_efficientnet_b4(labels=3, size=32),
        "dual_branch": dual_branch.build_dual_branch(size=64),
        "bone_generator": bone_gan.build_generator(scales=(16, 32), channels=4),
        "bone_unet": bone_unet.build_bone_unet(size=32),
    }


def exported(model: Any, folder: Path) -> list[list[int]]:
    """Shapes that OpenVINO gives for a batch of two."""
    target = folder / f"{model.name}.xml"
    model.export(str(target), format="openvino", verbose=False)
    compiled = openvino.Core().compile_model(str(target), "CPU")
    batch = [np.ones((2, *one.shape[1:]), np.float32) for one in model.inputs]
    return [list(one.shape) for one in compiled(batch).values()]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        answer = {
            "shapes": {
                name: [list(one.shape) for one in model.outputs]
                for name, model in defaults().items()
            },
            "exported": {name: exported(model, Path(place)) for name, model in small().items()},
            "tensorflow": "tensorflow" in sys.modules,
        }
    sys.stdout.write(json.dumps(answer))
