"""What ``dicom-node models import`` does with a file of public weights.

Nothing here loads Keras, TensorFlow or PyTorch.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from ai_engine.importing.convert import convert_densenet121
from ai_engine.importing.draft import Imported, Network, draft_card
from ai_engine.importing.folder import whole_or_nothing
from ai_engine.importing.profiles import SourceProfile, card_labels, untrained
from ai_engine.importing.readers import read_source
from ai_engine.library.card import ModelCard, write_card
from ai_engine.library.names import made_model_folder, model_folder
from ai_engine.library.weights_file import write_weights

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
class ImportRequest(Imported):
    """What to import, whose weights it has, and into which registry's folder."""

    profile: SourceProfile
    out: Path


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
        limitations = [text.format(expects=profile.expects) for text in LIMITATIONS]
        if names := untrained(profile.labels, source.thresholds):
            limitations.append(UNTRAINED.format(names=", ".join(names)))
        card = draft_card(
            request,
            Network(
                kind="classifier",
                architecture="densenet121",
                input_size=profile.input_size,
                weights_file=WEIGHTS_FILE,
                weights_digest=weights_digest,
                labels=labels,
                title=f"DenseNet-121 imported from {profile.name}",
                attribution=profile.attribution,
            ),
            folder=folder,
            limitations=tuple(limitations),
        )
        card = replace(card, recipe=f"imported, {profile.name}")
        write_card(card)
    return card
