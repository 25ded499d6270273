"""A network as one file: its OpenVINO form, packed by whoever trained it.

Some networks are built with packages that a node should not need (KerasHub's detectors). Training
writes them as OpenVINO IR into one archive, whose SHA-256 on the card covers layers and weights;
the node unpacks it once into its cache and runs it.

    model.xml, model.bin        in a ZIP archive, stored or deflated, nothing else
"""

import shutil
import tempfile
import zipfile
import zlib
from pathlib import Path

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import ModelCard
from ai_engine.library.file_digest import digest
from ai_engine.library.registry import verify_weights

NETWORK_FILE = "network.zip"
LARGEST_NETWORK = 2 * 1024**3
"""Bytes unpacked; the largest detector that training makes has a tenth of it."""

_PARTS = ("model.xml", "model.bin")
# A date for every file, so that the same network always gives the same bytes.
_DATE = (1980, 1, 1, 0, 0, 0)


def pack_network(model: Path, target: Path) -> str:
    """Pack an IR file (``.xml``, its ``.bin`` beside it) and return the archive's digest."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in zip(_PARTS, (model, model.with_suffix(".bin")), strict=True):
            archive.writestr(
                zipfile.ZipInfo(name, _DATE),
                part.read_bytes(),
                compress_type=zipfile.ZIP_DEFLATED,
            )
    return digest(target)


def unpacked_network(card: ModelCard, cache: Path) -> Path:
    """Path of a packed network's IR, unpacked first where the cache doesn't have it yet.

    Raises
    ------
    ModelFolderError
        If the archive isn't the one that the card describes, or isn't such an archive.
    """
    verify_weights(card)
    place = cache / f"packed-{card.weights_digest[:32]}"
    if not (place / _PARTS[0]).exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="unpacking-", dir=cache) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            _unpack(card.weights_path, made)
            _move_into_place(made, place)
    return place / _PARTS[0]


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            _require_modest(archive)
            for name in _PARTS:
                with archive.open(name) as part, (folder / name).open("wb") as file:
                    shutil.copyfileobj(part, file)
    except (zipfile.BadZipFile, zlib.error, KeyError, OSError, ValueError, RuntimeError) as error:
        raise ModelFolderError(
            f"{path}: not an archive of {' and '.join(_PARTS)} ({error}); train or import the "
            "model again"
        ) from error


def _require_modest(archive: zipfile.ZipFile) -> None:
    """Raise ValueError for what would fill the disk: an archive of zeros grows a thousandfold."""
    size = sum(archive.getinfo(name).file_size for name in _PARTS)
    if size > LARGEST_NETWORK:
        raise ValueError(f"{size} bytes unpacked, at most {LARGEST_NETWORK} are")


def _move_into_place(made: Path, place: Path) -> None:
    """Another process may have been first: what is there then is the same."""
    try:
        made.rename(place)
    except OSError:
        if not (place / _PARTS[0]).exists():
            raise
