"""Model cards: what a model is, was made from, can do and can't (Mitchell et al., 2019).

A card is ``card.toml`` beside its weights. It is the only source of a model's labels, codes,
thresholds and input size.
"""

import dataclasses
import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ai_engine.errors import ModelFolderError
from ai_engine.library.half_precision import Bf16Change
from ai_engine.library.kinds import known_kind
from ai_engine.library.names import own_file, put_in_place, require_digest, require_name
from ai_engine.library.program import Program, read_program
from ai_engine.library.service import Service
from ai_engine.library.tensors import Tensors, read_tensors
from ai_engine.prediction import Code, ModelIdentity

CARD_NAME = "card.toml"

LONGEST_CARD = 4 * 1024 * 1024
"""Bytes; the longest shipped card has a hundredth of it."""


class ChannelKind(StrEnum):
    """What a network may be given beside the radiograph itself (paper 3, section 3.3)."""

    LUNGS = "lungs"
    BONES = "bones"


DEFAULT_GUARD = "frontal-chest-guard"
"""The guard of cards that name none: the shipped one."""

UNGUARDED = "none"
"""What a card says instead of a guard's name where its model may see any image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One output: its name, the words and codes it is reported with, and its default threshold.

    ``uncertain`` are the probabilities between which other patients to choose the threshold on
    would have led to another decision; None where nobody looked.
    """

    name: str
    title: str
    threshold: float
    code: Code | None = None
    site: Code | None = None
    uncertain: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One measured figure of a label with its 95 % interval, on a group of a split's images."""

    name: str
    label: str
    split: str
    group: str
    images: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InputChannel:
    """A channel beside the radiograph, and the model that makes it: in training and in use."""

    kind: ChannelKind
    model: str
    version: str
    weights_digest: str

    def __post_init__(self) -> None:
        """Refuse what is no name of a model: its folder is found by it (ValueError)."""
        require_name(self.model, "channels.model")
        require_name(self.version, "channels.version")
        require_digest(self.weights_digest, "channels.weights_digest")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """A model card. ``folder`` is where it was read; all else is what the file says.

    ``input_size`` is rows and columns of the square grayscale input; with ``flip_averaging`` the
    probabilities are the mean over the image and its mirror image. ``recipe``, ``command`` and
    ``data`` say how to make the weights again. A classical method has neither input size nor
    weights; its ``weights_digest`` is of its settings. ``tensors`` says what a network of somebody
    else takes and gives. A model that runs elsewhere (``service``, ``program``) has none here: its
    ``weights_digest`` is of what the card says of it (`described_digest`). ``center_crop`` is the
    part of the exposed area's sides that the model is shown; with ``equalized`` it sees ranks in
    place of grey values (`ai_engine.preprocessing.harmonization`), with ``ranks_beside`` in a
    second channel; ``layout`` is that of the data set that it was trained on, where its tables
    don't tell; ``channels`` follow the radiograph in this order.
    ``figures_of`` is the digest of the weights that the metrics speak of, measured on them or, in
    the split ``cross-validation``, on networks of the same recipe: a card whose weights are others
    is damaged; empty where nobody noted it.
    ``kind`` is one of `ai_engine.library.kinds`.

    ``guard`` names the model that decides which images this one may see, `UNGUARDED` none, and
    ``sees`` the label of it that must be seen; without it, the first. ``modalities``,
    ``body_parts`` and ``views`` are the values of Modality (0008,0060), Body Part Examined
    (0018,0015) and View Position (0018,5101) that the model is for; empty where the card doesn't
    say. With ``exclusive`` exactly one of the labels holds. ``youngest`` and ``oldest`` are the
    ages in years that the model is for; 0 where the card limits none. Others are remarked upon, or
    refused with ``refuses_other_ages``. ``bf16`` is what that arithmetic was measured to change.

    ``name``, ``version``, ``architecture``, ``weights_file`` and ``weights_digest`` become parts of
    paths: a card with one that isn't fit for it cannot exist (ValueError).
    """

    folder: Path
    name: str
    version: str
    title: str
    manufacturer: str
    kind: str
    architecture: str
    weights_digest: str
    research_only: bool
    intended_use: str
    limitations: tuple[str, ...]
    refuses: tuple[str, ...]
    licence: str
    attribution: str
    input_size: int = 0
    flip_averaging: bool = False
    weights_file: str = ""
    recipe: str = ""
    command: str = ""
    data: str = ""
    figures_of: str = ""
    center_crop: float = 1.0
    equalized: bool = False
    ranks_beside: bool = False
    layout: str = ""
    guard: str = DEFAULT_GUARD
    sees: str = ""
    modalities: tuple[str, ...] = ()
    body_parts: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    exclusive: bool = False
    youngest: float = 0.0
    oldest: float = 0.0
    refuses_other_ages: bool = False
    labels: tuple[Label, ...] = ()
    metrics: tuple[Metric, ...] = ()
    channels: tuple[InputChannel, ...] = ()
    tensors: Tensors | None = None
    service: Service | None = None
    program: Program | None = None
    bf16: Bf16Change | None = None

    def __post_init__(self) -> None:
        """Refuse names that are no part of a path."""
        for field in ("name", "version", "architecture", "guard"):
            require_name(getattr(self, field), field)
        require_digest(self.weights_digest, "weights_digest")
        if self.weights_file:
            require_name(self.weights_file, "weights_file")
        if self.weights_file.lower() == CARD_NAME:
            raise ValueError("weights_file is the card itself")

    @property
    def planes(self) -> int:
        """How many channels its network's input has."""
        return 1 + self.ranks_beside + len(self.channels)

    @property
    def weights_path(self) -> Path:
        """Where the weights are."""
        return self.folder / self.weights_file

    @property
    def has_weights(self) -> bool:
        """Whether the model has a weights file; a classical method has settings instead."""
        return bool(self.weights_file)

    @property
    def runs_elsewhere(self) -> bool:
        """Whether something else than the node runs the model: a card describes it, no weights."""
        return self.service is not None or self.program is not None

    @property
    def runs_at(self) -> str:
        """What runs the model, in words; empty where the node itself does."""
        if self.service:
            return f"service {self.service.words}"
        return f"program {self.program.command[0]}" if self.program else ""

    def patience(self, images: int) -> float:
        """Seconds that a worker may wait, for a study, for what runs the model elsewhere."""
        if self.program:
            return self.program.timeout
        # As long again for the turn: others may be there first.
        return 2 * self.service.timeout * images if self.service else 0.0

    @property
    def is_for_chests(self) -> bool:
        """Whether the model looks at chest radiographs: its guard or its body parts say so."""
        return self.guard == DEFAULT_GUARD or "CHEST" in self.body_parts

    @property
    def recipe_name(self) -> str:
        """The name of the recipe that trained the model."""
        return self.recipe.split(",", maxsplit=1)[0]

    @property
    def identity(self) -> ModelIdentity:
        """The model's identity, as results carry it."""
        return ModelIdentity(
            name=self.name,
            version=self.version,
            weights_digest=self.weights_digest,
            title=self.title,
            manufacturer=self.manufacturer,
            research_only=self.research_only,
        )


def read_card(folder: Path) -> ModelCard:
    """Read the card in a model's folder.

    Raises
    ------
    ModelFolderError
        If the card is missing, isn't TOML, lacks or misspells a field, is longer than any card, or
        names what can't be a part of a path.
    """
    path = own_file(folder, CARD_NAME)
    try:
        table = tomllib.loads(_text(path))
    except FileNotFoundError:
        raise ModelFolderError(f"{path}: no such model card; restore it or import again") from None
    except RecursionError:
        raise ModelFolderError(f"{path}: nested too deeply; correct the card") from None
    except ValueError as error:  # no TOML, no UTF-8, or a number of thousands of digits
        raise ModelFolderError(f"{path}: not valid TOML: {error}; correct the card") from error
    try:
        return _card(folder, table)
    except KeyError as error:
        raise ModelFolderError(f"{path}: lacks {error}; correct the card") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ModelFolderError(f"{path}: {error}; correct the card") from error


def write_card(card: ModelCard) -> Path:
    """Write a card into its folder."""
    path = card.folder / CARD_NAME
    with put_in_place(path) as draft:
        draft.write_text(render_card(card), encoding="utf-8")
    return path


def render_card(card: ModelCard) -> str:
    """A card as TOML text: plain fields first, then one table for each label and metric."""
    lines = [
        f"{entry.name} = {_value(getattr(card, entry.name))}"
        for entry in dataclasses.fields(card)
        if entry.name not in {"folder", "labels", "metrics", "channels", *_TABLES}
        and getattr(card, entry.name) != entry.default
    ]
    for name in _TABLES:
        if (table := getattr(card, name)) is not None:
            lines += ["", f"[{name}]"]
            lines += [
                f"{entry.name} = {_value(getattr(table, entry.name))}"
                for entry in dataclasses.fields(table)
                if getattr(table, entry.name) != entry.default
            ]
    tables = (("channels", card.channels), ("labels", card.labels), ("metrics", card.metrics))
    for title, rows in tables:
        for row in rows:
            lines += ["", f"[[{title}]]"]
            lines += [
                f"{entry.name} = {_value(getattr(row, entry.name))}"
                for entry in dataclasses.fields(row)
                if getattr(row, entry.name) is not None
            ]
    return "\n".join(lines) + "\n"


_TABLES: Mapping[str, Callable[[dict[str, Any]], Any]] = MappingProxyType(
    {
        "tensors": read_tensors,
        "service": lambda row: Service(**row),
        "program": read_program,
        "bf16": lambda row: Bf16Change(**row),
    }
)
"""Fields that are tables of their own, and what reads them."""


def described_digest(card: ModelCard) -> str:
    """What stands for the digest of weights that are elsewhere: of all that decides a result.

    Results name it, so whatever it is made of can't change under a version that was used.
    """
    deciding = dataclasses.replace(
        card,
        weights_digest="",
        metrics=(),
        title="",
        intended_use="",
        limitations=(),
        data="",
        figures_of="",
    )
    return hashlib.sha256(render_card(deciding).encode()).hexdigest()


def _text(path: Path) -> str:
    with path.open("rb") as stream:
        data = stream.read(LONGEST_CARD + 1)
    if len(data) > LONGEST_CARD:
        raise ModelFolderError(
            f"{path}: longer than {LONGEST_CARD} bytes, which no card is; correct the card"
        )
    return data.decode("utf-8")


def _card(folder: Path, table: dict[str, Any]) -> ModelCard:
    labels = tuple(_label(row) for row in table.pop("labels", ()))
    metrics = tuple(Metric(**row) for row in table.pop("metrics", ()))
    channels = tuple(_channel(row) for row in table.pop("channels", ()))
    kind = known_kind(table.pop("kind"))
    tables = {name: read(table.pop(name)) for name, read in _TABLES.items() if name in table}
    if "service" in tables or "program" in tables:
        table.setdefault("weights_digest", "")
    plain: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    card = ModelCard(
        folder=folder,
        kind=kind,
        labels=labels,
        metrics=metrics,
        channels=channels,
        **tables,
        **plain,
    )
    if card.runs_elsewhere:
        return _described(card)
    if card.figures_of not in ("", card.weights_digest):
        raise ValueError(
            "its figures were measured on other weights; measure these: dicom-node models evaluate "
            "--record"
        )
    if bool(card.input_size) is not card.has_weights:
        raise ValueError("a model with weights needs input_size and weights_file")
    return card


def _described(card: ModelCard) -> ModelCard:
    """A model that runs elsewhere, named by what the card says of it."""
    if card.has_weights:
        raise ValueError("a model that runs elsewhere has no weights_file here")
    digest = described_digest(card)
    if card.weights_digest not in ("", digest):
        raise ValueError(
            "what it says of its model was changed: results of this version must stay traceable, "
            "so give it another version and leave weights_digest out"
        )
    return dataclasses.replace(card, weights_digest=digest)


def _channel(row: dict[str, Any]) -> InputChannel:
    return InputChannel(kind=ChannelKind(row.pop("kind")), **row)


def _label(row: dict[str, Any]) -> Label:
    codes: dict[str, Any] = {key: Code(**row.pop(key)) for key in ("code", "site") if key in row}
    band = row.pop("uncertain", None)
    if band is not None:
        low, high = (float(edge) for edge in band)
        if not 0 <= low <= row["threshold"] <= high <= 1:
            raise ValueError(
                f"label {row['name']}: its threshold lies outside of what is uncertain"
            )
        codes["uncertain"] = (low, high)
    return Label(**row, **codes)


def _value(value: object) -> str:
    """A TOML value; JSON's strings and numbers are TOML's."""
    match value:
        case Code():
            fields = ", ".join(f"{key} = {_value(item)}" for key, item in _fields(value).items())
            return f"{{ {fields} }}"
        case tuple():
            return "[" + "".join(f"\n    {_value(item)}," for item in value) + "\n]"
        case float():
            return repr(value)
        case _:
            return json.dumps(value, ensure_ascii=False)


def _fields(code: Code) -> dict[str, str]:
    return {"value": code.value, "scheme": code.scheme, "meaning": code.meaning}
