"""The OpenVINO form of a model, made once and kept on disk by the digest of its weights."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openvino import get_version

from ai_engine.inference.keras_process import run_on_openvino_keras
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import verify_weights

_MODEL = "model.xml"


def converted_model(card: ModelCard, cache: Path) -> Path:
    """Path of a model's IR, converted first where the cache doesn't have it yet.

    Several processes may start at once: one converts, the others wait for it and use what is
    there. It is written into a folder of its own and renamed into place.

    Raises
    ------
    ModelFolderError
        If the weights aren't those that the card describes.
    BackendError
        If the conversion fails.
    """
    verify_weights(card)
    place = cache / _key(card)
    if not (place / _MODEL).exists():
        cache.mkdir(parents=True, exist_ok=True)
        with _turn(cache / f"{place.name}.lock"):
            if not (place / _MODEL).exists():
                _convert(card, place)
    return place / _MODEL


def _convert(card: ModelCard, place: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="converting-", dir=place.parent) as folder:
        made = Path(folder) / "made"
        made.mkdir()
        run_on_openvino_keras("ai_engine.inference.export", str(card.folder), str(made / _MODEL))
        _move_into_place(made, place)


@contextmanager
def _turn(path: Path) -> Iterator[None]:
    """Wait for whoever converts the same model; the system lets go of it if that one dies."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _key(card: ModelCard) -> str:
    """The IR depends on the weights, the head and the input, and on who wrote it."""
    release = get_version().split("-", maxsplit=1)[0]
    shape = f"{card.architecture}-{len(card.labels)}-{card.input_size}"
    return f"{shape}-{card.weights_digest[:32]}-nchw-openvino-{release}"


def _move_into_place(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not (place / _MODEL).exists():
            # Left behind half deleted; a complete folder only ever appears whole.
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)
