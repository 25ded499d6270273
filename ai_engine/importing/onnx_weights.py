"""The weights in an ONNX file by the names that they had in training.

Exports often melt batch normalisation into the convolutions and call what comes out
``onnx::Conv_497``: such a file can be served (`.network_file`), and is no start of a training.
"""

import re
from pathlib import Path

import numpy as np
import openvino

from ai_engine.errors import WeightImportError
from ai_engine.importing.names import torch_path
from ai_engine.importing.onnx_header import read_onnx_header
from ai_engine.importing.source import Framework, SourceTensors

TORCH_EPSILON = 1e-5
_OF_TRAINING = re.compile(r"[A-Za-z_][\w.]*\.(weight|bias|running_mean|running_var)")


def read_onnx_weights(path: Path) -> SourceTensors:
    """Read the named weights of an ONNX file.

    Raises
    ------
    WeightImportError
        If it is missing or damaged, or its weights have not the names of training.
    """
    try:
        data = path.read_bytes()
        read_onnx_header(data, str(path))
        model = openvino.Core().read_model(data)
    except OSError as error:
        raise WeightImportError(f"{path}: can't be read ({error.strerror})") from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise WeightImportError(f"{path}: is no network that OpenVINO can read") from error
    tensors = {
        node.get_friendly_name(): np.asarray(node.data, dtype=np.float32)
        for node in model.get_ops()
        if node.get_type_name() == "Constant" and _OF_TRAINING.fullmatch(node.get_friendly_name())
    }
    if not tensors:
        raise WeightImportError(
            f"{path}: its weights have not the names of training; export it with "
            "training=TrainingMode.PRESERVE and do_constant_folding=False, or give the state "
            "dictionary"
        )
    return SourceTensors(
        framework=Framework.PYTORCH,
        tensors=tensors,
        paths={name: torch_path(name) for name in tensors},
        epsilon=TORCH_EPSILON,
    )
