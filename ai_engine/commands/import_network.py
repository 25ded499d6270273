"""What ``dicom-node models import`` does with a network in ONNX or OpenVINO's own form."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import openvino

from ai_engine.errors import WeightImportError
from ai_engine.importing.draft import Imported, Network, draft_card
from ai_engine.importing.folder import install_model
from ai_engine.importing.network_file import NetworkFile, NetworkOutput, read_network
from ai_engine.importing.profiles import CHEXNET, PROFILES, XRAYVISION, card_labels, profile_named
from ai_engine.importing.said_labels import said_labels
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import NETWORK_FILE, pack_network
from ai_engine.kinds.preparation import prepare_model
from ai_engine.library.card import DEFAULT_GUARD, ModelCard, write_card
from ai_engine.library.tensors import Activation, Fit, Scaling, Shown, Tensors, read_tensors

_OF_PROFILES: Mapping[str, tuple[Scaling, Fit]] = {
    CHEXNET.name: (Scaling.IMAGENET, Fit.STRETCH),
    XRAYVISION.name: (Scaling.XRAYVISION, Fit.CENTER),
}
_GUESSED_SCALING = (
    "How grey values are scaled is not said by the file: {scaling} was taken. Compare with the "
    "original on a few images before any report is read."
)
_GUESSED_ACTIVATION = (
    "The file ends in {operator}, neither a sigmoid nor a softmax: a sigmoid is applied."
)
_UNMEASURED = (
    "Imported: thresholds and figures are not measured on this node. Measure the model on your own "
    "images before any report is read."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequest(Imported):
    """What to import, as what, and what its file doesn't say; empty is drawn from the file."""

    labels: tuple[str, ...] = ()
    family: str = ""
    scaling: str = ""
    activation: str = ""
    outputs: tuple[str, ...] = ()
    size: int = 0
    guard: str = ""


def import_network(request: NetworkRequest, models: Path, *, cache: Path) -> ModelCard:
    """Install a network with a card drawn up from its file; nothing is left where it fails.

    Raises
    ------
    WeightImportError
        If the file can't be read or run, or its outputs aren't the labels'.
    ModelFolderError, BackendError
        If name or version can't be a folder's, or the model is there with other weights.
    """
    if request.family:
        profile_named(request.family)
    network = read_network(request.file, size=request.size)
    with tempfile.TemporaryDirectory(prefix="importing-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        # Weights stay as precise as they are: the model answers as the original does.
        openvino.save_model(network.model, Path(temporary) / "model.xml", compress_to_fp16=False)
        weights = pack_network(Path(temporary) / "model.xml", folder / NETWORK_FILE)
        _require_answer(Path(temporary) / "model.xml", network)
        card = _card(request, network, folder, weights)
        write_card(card)
        prepare_model(card, cache)
        return install_model(folder, models)


def _card(request: NetworkRequest, network: NetworkFile, folder: Path, weights: str) -> ModelCard:
    """The card, with what is known of the network and what was supposed."""
    chosen = _chosen(request, network)
    labels = _labels(request, network, chosen)
    tensors, supposed = _tensors(request, network, chosen)
    made = draft_card(
        request,
        Network(
            kind="network",
            architecture="imported",
            input_size=network.size,
            weights_file=NETWORK_FILE,
            weights_digest=weights,
            labels=card_labels(labels, None),
            title=f"{request.family or request.name}, imported from {request.file.name}",
            attribution=PROFILES[request.family].attribution if request.family else "unknown",
            guard=request.guard or DEFAULT_GUARD,
            contents=network.words,
        ),
        folder=folder,
        limitations=(_UNMEASURED, *supposed),
    )
    return replace(
        made,
        exclusive=any(each.operator == "Softmax" for each in chosen.values()),
        tensors=tensors,
    )


def _chosen(request: NetworkRequest, network: NetworkFile) -> dict[str, NetworkOutput]:
    """Which output is what, by their shapes; where several could be, they must be named."""
    offered = [
        each for each in network.outputs if not request.outputs or each.name in request.outputs
    ]
    if missing := set(request.outputs) - {each.name for each in network.outputs}:
        raise WeightImportError(f"{request.file}: has no output {', '.join(sorted(missing))}")
    flat = [each for each in offered if _is_flat(each)]
    maps = [each for each in offered if len(each.shape) == 4 and not _is_flat(each)]
    places = [each for each in offered if len(each.shape) in (2, 3) and each.shape[-1] == 4]
    if len(flat) == 1:
        of_each = [each for each in maps if each.shape[1] == _count(flat[0])]
        found = {"probabilities": flat[0]}
        return found | ({"heat_maps": of_each[0]} if len(of_each) == 1 else {})
    if not flat and len(maps) == 1 and len(offered) == 1:
        return {"heat_maps": maps[0]}
    if len(places) == 1 and len(offered) == 2:
        (scores,) = (each for each in offered if each is not places[0])
        return {"boxes": places[0], "scores": scores}
    told = ", ".join(f"{each.name} {each.shape}" for each in network.outputs)
    raise WeightImportError(
        f"{request.file}: its outputs ({told}) are neither one with a value for each label, one "
        "with a map for each, nor boxes with scores; name those that count with --output"
    )


def _is_flat(output: NetworkOutput) -> bool:
    """One row of values, whatever axes of length 1 follow."""
    shape = output.shape
    return len(shape) >= 2 and shape[0] in (0, 1) and all(side == 1 for side in shape[2:])


def _count(output: NetworkOutput) -> int:
    return output.shape[1]


def _labels(
    request: NetworkRequest, network: NetworkFile, chosen: Mapping[str, NetworkOutput]
) -> tuple[str, ...]:
    """The labels that were given, those of the family, or those that the file says."""
    names = request.labels or (
        PROFILES[request.family].labels if request.family else said_labels(network.header.metadata)
    )
    first = next(iter(chosen.values()))
    count = _count(first) if "boxes" not in chosen else len(names)
    if not names or len(names) != count:
        said = f"{len(names)} were given" if names else "the file names none"
        raise WeightImportError(
            f"{request.file}: output {first.name} has {count} values, and {said}: give a --label "
            "for each, in their order"
        )
    return names


def _tensors(
    request: NetworkRequest, network: NetworkFile, chosen: Mapping[str, NetworkOutput]
) -> tuple[Tensors, Sequence[str]]:
    """The card's table, and in words what of it was supposed."""
    said = []
    scaling, fit = _OF_PROFILES.get(request.family, ("", Fit.LETTERBOX))
    scaling = request.scaling or scaling
    if not scaling:
        scaling = Scaling.IMAGENET if network.channels == 3 else Scaling.UNIT
        said.append(_GUESSED_SCALING.format(scaling=scaling))
    activation = request.activation
    # Of boxes the scores, of everything else the first are what probabilities are made of.
    ends_in = (chosen.get("scores") or next(iter(chosen.values()))).operator
    if not activation:
        activation = Activation.NONE if ends_in in ("Sigmoid", "Softmax") else Activation.SIGMOID
        if activation is not Activation.NONE:
            said.append(_GUESSED_ACTIVATION.format(operator=ends_in))
    table = {
        "input": network.input_name,
        "layout": network.layout,
        "channels": network.channels,
        "scaling": scaling,
        "fit": fit,
        "activation": activation,
        **{kind: each.name for kind, each in chosen.items()},
    }
    try:
        made = read_tensors(table)
    except (TypeError, ValueError) as error:
        raise WeightImportError(f"{request.file}: {error}") from error
    return (replace(made, shown=Shown.WHOLE) if request.family else made), said


def _require_answer(model: Path, network: NetworkFile) -> None:
    """Run it once on black: what fails then would fail at the first study."""
    runs = OpenVinoNetwork(model, threads=1)
    shape = network.model.input(0).get_shape()
    try:
        made = runs.run({network.input_name: np.zeros(list(shape), dtype=np.float32)})
    except RuntimeError as error:
        raise WeightImportError(f"{model.name}: can't be run ({error})") from error
    for each in network.outputs:
        if each.name not in made:
            raise WeightImportError(f"{model.name}: has two outputs of one name ({each.name})")
