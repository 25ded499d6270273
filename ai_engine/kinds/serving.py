"""Whether a model can be served: asked when it is imported, promoted, and named by a route."""

from collections.abc import Iterable, Mapping

from ai_engine.errors import ModelFolderError
from ai_engine.kinds.channels import require_channels
from ai_engine.kinds.registry import Part, kind_of, part
from ai_engine.kinds.shipped import guards_of
from ai_engine.library.card import ModelCard
from ai_engine.library.codes import require_codes
from ai_engine.library.earned import require_sound_figures
from ai_engine.library.registry import ModelRegistry


def require_reportable(card: ModelCard, registry: ModelRegistry) -> None:
    """Make sure of what a model's results would need, without loading it.

    Raises
    ------
    ModelNotFoundError
        If a model that makes one of its channels isn't installed.
    ModelFolderError
        If a label has no code although the kind reports findings, the card lacks what its kind
        needs, a figure that a label would be earned by cannot be, a channel's model has other
        weights, or the card names ranks that its kind would not show it.
    """
    kind = kind_of(card)
    if card.ranks_beside and not kind.sees_ranks:
        raise ModelFolderError(
            f"{card.folder}: ranks_beside is set, and models of kind {card.kind!r} are given no "
            "ranks as a second channel; take it out of the card"
        )
    if kind.has_findings:
        require_codes(card)
        require_sound_figures(card)
    require_channels(card, registry)


def require_routable(card: ModelCard, registry: ModelRegistry, versions: Mapping[str, str]) -> None:
    """Make sure that a route may name a model, without loading it.

    Raises
    ------
    ModelNotFoundError
        If its guard is not active, or a model that makes one of its channels isn't installed.
    ModelFolderError
        If its kind makes no results, its guard guards nothing, or as `require_reportable`.
    """
    part(card, Part.PREDICTOR)
    require_reportable(card, registry)
    for name in guards_of(card, versions):
        guard = registry.active(versions, name)
        part(guard, Part.GUARD)


def require_suitable(
    card: ModelCard, *, modalities: Iterable[str] = (), body_parts: Iterable[str] = ()
) -> None:
    """Make sure that a model is for what a route sends it; what either doesn't say is no conflict.

    Raises
    ------
    ModelFolderError
        If the card names modalities or body parts, and the route none of them.
    """
    for words, sent, meant in (
        ("modality", frozenset(modalities), card.modalities),
        ("body part", frozenset(body_parts), card.body_parts),
    ):
        if sent and meant and not sent.intersection(meant):
            raise ModelFolderError(
                f"model {card.name}/{card.version} is for {words} {' or '.join(meant)}, the route "
                f"sends {', '.join(sorted(sent))}: correct the route, or name another model"
            )
