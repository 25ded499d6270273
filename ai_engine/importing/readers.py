"""Files of public weights, read by the end of their names. Nothing that a file names is run."""

from pathlib import Path

from ai_engine.errors import WeightImportError
from ai_engine.importing.keras_h5 import read_keras_h5
from ai_engine.importing.pytorch_file import read_pytorch
from ai_engine.importing.source import SourceTensors

READERS = {
    ".h5": read_keras_h5,
    ".hdf5": read_keras_h5,
    ".pt": read_pytorch,
    ".pth": read_pytorch,
    ".tar": read_pytorch,
    ".safetensors": read_pytorch,
}
"""Which reader takes a file, by the end of its name (``.tar`` is PyTorch's old ``.pth.tar``)."""


def read_source(file: Path) -> SourceTensors:
    """Read a file of weights with the reader that the end of its name asks for.

    Raises
    ------
    WeightImportError
        If no reader takes it, or the reader can't.
    """
    if file.suffix not in READERS:
        known = ", ".join(READERS)
        raise WeightImportError(f"{file}: no reader for this kind of file; known are {known}")
    return READERS[file.suffix](file)
