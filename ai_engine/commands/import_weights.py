"""What ``dicom-node models import`` does with a file of public weights.

Nothing here loads Keras, TensorFlow or PyTorch.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ai_engine.importing.convert import convert_densenet121
from ai_engine.importing.folder import whole_or_nothing
from ai_engine.importing.profiles import SourceProfile, card_labels, untrained
from ai_engine.importing.readers import read_source
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.names import made_model_folder, model_folder
from ai_engine.library.weights_file import digest, write_weights

WEIGHTS_FILE = "weights.safetensors"

LIMITATIONS = (
    """Imported weights: thresholds and figures are not measured on this node. Calibrate the \
thresholds on your own images before any report is read.""",
    """This engine standardises each image to mean 0 and variance 1; the weights were trained on \
{expects}. Probabilities differ for images whose brightness is far from the usual.""",
)

UNTRAINED = (
    "The weights bring no operating point for {names}, as outputs have none that were not trained: "
    "these never reach their threshold."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What to import, and as what; the weights' licence is known where they came from."""

    file: Path
    profile: SourceProfile
    out: Path
    name: str
    version: str
    licence: str = "unknown: see where the weights came from"


def import_densenet121(request: ImportRequest) -> ModelCard:
    """Convert a file and write a model folder: ``<out>/<name>/<version>/`` with weights and card.

    The weights are kept in single precision, so that the model answers as the original does.

    Returns
    -------
    ModelCard
        The folder's card. Its figures are still to be measured.

    Raises
    ------
    WeightImportError
        If the file can't be read or is not DenseNet-121's; the message names the layer.
    ModelFolderError
        If name or version can't be a folder's.
    """
    folder = model_folder(request.out, request.name, request.version)
    source = read_source(request.file)
    profile = request.profile
    tensors = convert_densenet121(
        source,
        file=request.file,
        labels=len(profile.labels),
        input_scale=profile.input_scale,
    )
    labels = card_labels(profile.labels, source.thresholds)
    with whole_or_nothing(folder):
        made_model_folder(request.out, request.name, request.version)
        weights_digest = write_weights(folder / WEIGHTS_FILE, tensors, exact=True)
        card = draft_card(request, folder=folder, weights_digest=weights_digest, labels=labels)
        if names := untrained(profile.labels, source.thresholds):
            said = UNTRAINED.format(names=", ".join(names))
            card = replace(card, limitations=(*card.limitations, said))
        write_card(card)
    return card


def draft_card(
    request: ImportRequest, *, folder: Path, weights_digest: str, labels: tuple[Label, ...]
) -> ModelCard:
    """The card of an imported model, with what is known of it."""
    profile = request.profile
    return ModelCard(
        folder=folder,
        name=request.name,
        version=request.version,
        title=f"DenseNet-121 imported from {profile.name}",
        manufacturer="imported",
        kind="classifier",
        architecture="densenet121",
        input_size=profile.input_size,
        flip_averaging=False,
        weights_file=WEIGHTS_FILE,
        weights_digest=weights_digest,
        research_only=True,
        intended_use="Research with weights that others have published. Not for clinical use.",
        limitations=tuple(text.format(expects=profile.expects) for text in LIMITATIONS),
        refuses=(),
        licence=request.licence,
        attribution=profile.attribution,
        recipe=f"imported, {profile.name}",
        command=f"dicom-node models import {request.file.name}",
        data=f"SHA-256 of the imported file: {digest(request.file)}",
        labels=labels,
    )
