"""Puts the administration of routes together: who only lists them waits for no images or models."""

from pathlib import Path
from typing import TYPE_CHECKING

from dicom_node.administration.routes import Routes
from dicom_node.configuration.files import load_routes
from dicom_node.domain.route import Route
from dicom_node.node.administration import make_ae_titles
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories

if TYPE_CHECKING:
    from dicom_node.models.cards import ModelCards


def make_routes(repositories: Repositories, config_dir: Path, cards: "ModelCards") -> Routes:
    """Return the administration of routes.

    Raises
    ------
    ConfigurationError
        When config/routes.toml cannot be used.
    """
    ae_titles = make_ae_titles(repositories.settings, repositories.ae_titles, repositories.audit)
    return Routes(
        repositories.routes,
        of_file=load_routes(config_dir),
        require_servable=lambda route: _servable(cards, route),
        is_peer=lambda title: repositories.ae_titles.find(title) is not None,
        is_node=ae_titles.is_node,
        received=lambda: repositories.index,
        clock=utc_now,
    )


def _servable(cards: "ModelCards", route: Route) -> None:
    # Prepares models, which are asked for when a route is changed.
    from dicom_node.models.routable import require_servable  # noqa: PLC0415

    require_servable(cards, route)
