"""Whether a model can be used: for what a route sends it, and at all."""

from pathlib import Path

from ai_engine.errors import AiEngineError
from ai_engine.kinds.preparation import prepare_model
from ai_engine.kinds.serving import require_reportable, require_routable, require_suitable
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import verify_weights
from dicom_node.domain.route import Route
from dicom_node.models.cards import ModelCards, ModelUnavailableError


def require_servable(cards: ModelCards, route: Route) -> ModelCard:
    """Return the card of a route's model, if it fits the route and is whole.

    Raises
    ------
    ModelUnavailableError
        When there is no such model, it makes no results, is for other images, or damaged.
    """
    card = cards.active(route.model)
    try:
        require_routable(card, cards.registry, cards.versions)
        require_suitable(card, modalities=route.modalities, body_parts=route.body_parts)
        verify_weights(card)
    except AiEngineError as error:
        raise ModelUnavailableError(f"route {route.name}: {error}") from error
    return card


def require_runnable(card: ModelCard, cards: ModelCards, cache: Path) -> None:
    """Make ready to run what a card says: better now than at the first study.

    Raises
    ------
    ModelUnavailableError
        When its results cannot be reported, or its weights do not fit the card.
    """
    try:
        require_reportable(card, cards.registry)
        prepare_model(card, cache)
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
