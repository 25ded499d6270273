"""The card of a model that others have made, as far as its file and its importer tell."""

from dataclasses import dataclass
from pathlib import Path

from ai_engine.errors import WeightImportError
from ai_engine.library.card import DEFAULT_GUARD, Label, ModelCard
from ai_engine.library.file_digest import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """A file of somebody else's model, and as what it is taken in."""

    file: Path
    name: str
    version: str
    licence: str = "unknown: see where the weights came from"


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What was made of an imported file: kind and architecture are those of the card.

    ``title`` says whose it is; ``contents`` what is in the file, empty where its
    digest says it all.
    """

    kind: str
    architecture: str
    input_size: int
    weights_file: str
    weights_digest: str
    labels: tuple[Label, ...]
    title: str
    attribution: str = "unknown"
    guard: str = DEFAULT_GUARD
    contents: str = ""


def draft_card(
    source: Imported, network: Network, *, folder: Path, limitations: tuple[str, ...]
) -> ModelCard:
    """The card of an imported model, for research and without figures.

    Raises
    ------
    WeightImportError
        If name, version or guard can't be a folder's, or labels can't be told apart.
    """
    _require_labels(source.file, [label.name for label in network.labels])
    file = f"SHA-256 of the imported file: {digest(source.file)}"
    try:
        return ModelCard(
            folder=folder,
            name=source.name,
            version=source.version,
            title=network.title,
            manufacturer="imported",
            kind=network.kind,
            architecture=network.architecture,
            input_size=network.input_size,
            weights_file=network.weights_file,
            weights_digest=network.weights_digest,
            research_only=True,
            intended_use="Research with a model that others have made. Not for clinical use.",
            limitations=limitations,
            refuses=(),
            licence=source.licence,
            attribution=network.attribution,
            recipe="imported",
            command=f"dicom-node models import {source.file.name}",
            data=f"{network.contents}; {file}" if network.contents else file,
            labels=network.labels,
            guard=network.guard,
        )
    except ValueError as error:
        raise WeightImportError(f"{source.file}: {error}") from error


def _require_labels(file: Path, names: list[str]) -> None:
    """Results name what was found by its label: an empty one, or one of two, names nothing."""
    wrong = sorted({each for each in names if names.count(each) > 1})
    if wrong:
        raise WeightImportError(f"{file}: two outputs have the label {wrong[0]!r}: rename one")
    for number, name in enumerate(names, start=1):
        if not name.strip() or not name.isprintable():
            raise WeightImportError(f"{file}: output {number} has the label {name!r}: name it")
