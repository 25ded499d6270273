"""The models that are installed, and which of them are active.

A registry is a folder laid out ``<model>/<version>/card.toml`` with the weights beside the card;
the shipped one lies in this package. ``config/models.toml`` names the active versions.
"""

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from ai_engine.errors import ModelFolderError, ModelNotFoundError
from ai_engine.library.card import CARD_NAME, ModelCard, read_card
from ai_engine.library.file_digest import digest
from ai_engine.library.names import UNFINISHED, model_folder, own_file


class ModelRegistry:
    """Cards by model name and version, found in one or more folders.

    Later folders are the node's own: a version there hides the shipped one of the same number.
    """

    def __init__(self, *folders: Path) -> None:
        self._folders = folders or (shipped_weights(),)
        self._read: dict[Path, tuple[_Fingerprint, ModelCard]] = {}

    def with_folders(self, *more: Path) -> "ModelRegistry":
        """A registry of the same folders and further ones."""
        return ModelRegistry(*self._folders, *more)

    def cards(self) -> tuple[ModelCard, ...]:
        """Every card, sorted by name and version.

        Raises
        ------
        ModelFolderError
            If one of the cards can't be read or contradicts its folder.
        """
        found = {}
        for folder in self._folders:
            for path in sorted(folder.glob(f"*/*/{CARD_NAME}")):
                if path.parent.name.endswith(UNFINISHED):
                    continue
                card = self._card(path.parent, path.parent.parent.name, path.parent.name)
                found[card.name, card.version] = card
        return tuple(found[key] for key in sorted(found))

    def card(self, name: str, version: str) -> ModelCard:
        """One card.

        Raises
        ------
        ModelNotFoundError
            If there is no such model or version.
        ModelFolderError
            If the names can't be a model's, or the card can't be read or contradicts its folder.
        """
        for folder in reversed(self._folders):
            place = model_folder(folder, name, version)
            if place.is_dir():
                return self._card(place, name, version)
        keys = [f"{card.name}/{card.version}" for card in self.cards()]
        own = [key for key in keys if key.startswith(f"{name}/")]
        known = ", ".join(own or keys) or "none"
        raise ModelNotFoundError(f"model {name}/{version} is not installed; installed are {known}")

    def _card(self, place: Path, name: str, version: str) -> ModelCard:
        """The card of a folder, read again only where its file has changed: studies ask often."""
        fingerprint = _fingerprint(place / CARD_NAME)
        known = self._read.get(place)
        if known is not None and known[0] == fingerprint:
            return known[1]
        card = read_card(place)
        _require_same(place, card, name, version)
        if fingerprint is not None:
            self._read[place] = (fingerprint, card)
        return card

    def active(self, versions: Mapping[str, str], name: str) -> ModelCard:
        """The active version of a model, by the table from `read_active_versions`."""
        if name not in versions:
            known = ", ".join(sorted(versions)) or "none"
            raise ModelNotFoundError(
                f"no version of model {name!r} is active; active models are {known}: "
                "promote an installed version, or add it to models.toml"
            )
        try:
            return self.card(name, versions[name])
        except ModelNotFoundError as error:
            raise ModelNotFoundError(
                f"{error}: promote an installed version, or install the one that models.toml or "
                "a promotion names"
            ) from error


def shipped_weights() -> Path:
    """The folder of the models that come with the package."""
    return Path(str(files("ai_engine"))) / "weights"


def read_active_versions(path: Path) -> dict[str, str]:
    """Read ``models.toml``: the active version of each model.

    Raises
    ------
    ModelFolderError
        If the file is missing or not a table ``[active]`` of strings.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFolderError(
            f"{path}: no such file; `dicom-node init` writes the one to begin with"
        ) from None
    except (ValueError, RecursionError) as error:  # no TOML, no UTF-8, or nested without end
        raise ModelFolderError(f"{path}: not valid TOML: {error}") from error
    active = table.get("active")
    if not isinstance(active, dict) or not all(isinstance(item, str) for item in active.values()):
        raise ModelFolderError(f'{path}: needs a table [active] with lines like model = "1.0.0"')
    return active


def verify_weights(card: ModelCard) -> None:
    """Compare the weights file with its card.

    Raises
    ------
    ModelFolderError
        If the file is missing, lies elsewhere or isn't the one that the card describes.
    """
    if not card.has_weights:
        return
    actual = digest(own_file(card.folder, card.weights_file))
    if actual != card.weights_digest:
        raise ModelFolderError(
            f"{card.weights_path}: SHA-256 is {actual[:12]}…, the card says "
            f"{card.weights_digest[:12]}…; the file is damaged or not this model's: restore it"
        )


_Fingerprint = tuple[int, ...]


def _fingerprint(path: Path) -> _Fingerprint | None:
    """What changes where a file is written or replaced; None where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _require_same(place: Path, card: ModelCard, name: str, version: str) -> None:
    if (card.name, card.version) != (name, version):
        raise ModelFolderError(
            f"{place / CARD_NAME}: describes {card.name}/{card.version}, but lies in the folder "
            f"of {name}/{version}; move it or correct the card"
        )
