"""Every architecture is built and served without TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.long

SCRIPT = Path(__file__).with_name("openvino_builds.py")
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    environment = os.environ | {
        "KERAS_BACKEND": "openvino",
        "KERAS_HOME": str(tmp_path_factory.mktemp("keras")),
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_outputs_have_the_papers_sizes(built: dict[str, Any]) -> None:
    assert built["shapes"] == {
        "alexnet": [[None, 14], [None, 10, 10, 256]],
        "resnet50": [[None, 14], [None, 12, 12, 2048]],
        "efficientnetb4": [[None, 14], [None, 12, 12, 1792]],
        "xray_or_not": [[None, 2], [None, 7, 7, 1024]],
        "dual_branch": [
            [None, 13], [None, 32, 32, 1024], [None, 32, 32, 1024], [None, 13], [None, 13],
        ],
        "unet_vgg16": [[None, 256, 256, 1], [None, 8, 8, 512]],
        "bone_generator": [[None, side, side, 1] for side in (64, 128, 256, 512)],
        "bone_unet": [[None, 256, 256, 1]],
        "xception": [[None, 3], [None, 10, 10, 2048]],
        "opacity_head": [[None, 1]],
    }  # fmt: skip


def test_exported_networks_take_batches_of_any_size(built: dict[str, Any]) -> None:
    assert built["exported"] == {
        "efficientnetb4": [[2, 3], [2, 1, 1, 1792]],
        "dual_branch": [[2, 13], [2, 4, 4, 1024], [2, 4, 4, 1024], [2, 13], [2, 13]],
        "bone_generator": [[2, 16, 16, 1], [2, 32, 32, 1]],
        "bone_unet": [[2, 32, 32, 1]],
    }


def test_tensorflow_is_not_loaded(built: dict[str, Any]) -> None:
    assert not built["tensorflow"]
