"""A finished model folder, as training writes it or another site hands it on, taken over whole."""

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import CARD_NAME, ModelCard, read_card, write_card
from ai_engine.library.names import (
    UNFINISHED,
    copy_likeness,
    made_model_folder,
    model_folder,
    own_file,
    put_in_place,
)
from ai_engine.library.registry import verify_weights


def install_model(source: Path, models: Path) -> ModelCard:
    """Copy a model folder into a registry's folder as ``<model>/<version>/``.

    Raises
    ------
    ModelFolderError
        If its card or weights can't be used, it is still being made, or the version is installed
        already with others.
    """
    if source.name.endswith(UNFINISHED):
        raise ModelFolderError(
            f"{source}: its training was stopped before thresholds and figures were there; give "
            "the same command again, which goes on where it was"
        )
    card = read_card(source)
    verify_weights(card)
    place = model_folder(models, card.name, card.version)
    installed = dataclasses.replace(card, folder=place)
    if (place / CARD_NAME).exists():
        if read_card(place).weights_digest != card.weights_digest:
            raise ModelFolderError(
                f"{place}: {card.name}/{card.version} is installed with other weights; results "
                "must stay traceable, so give the new model another version in its card"
            )
        return installed
    with whole_or_nothing(place):
        made_model_folder(models, card.name, card.version)
        if card.has_weights:
            with put_in_place(installed.weights_path) as draft:
                shutil.copyfile(own_file(source, card.weights_file), draft)
        verify_weights(installed)
        copy_likeness(source, place)
        # The card comes last: a folder without one is no model yet.
        write_card(installed)
    return installed


@contextmanager
def whole_or_nothing(place: Path) -> Iterator[None]:
    """See to it that a version's folder is gone again where writing it fails: it has no card."""
    try:
        yield
    except BaseException:
        if not (place / CARD_NAME).exists():
            shutil.rmtree(place, ignore_errors=True)
            with contextlib.suppress(OSError):  # where other versions lie beside
                place.parent.rmdir()
        raise
