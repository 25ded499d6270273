"""Puts the administration together over a node's stores, with a running node or without."""

from collections.abc import Callable
from pathlib import Path

from dicom_node.administration.administration import Administration
from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.first_steps import FirstSteps
from dicom_node.administration.models import ModelVersions, Suspensions
from dicom_node.administration.overview import Operations
from dicom_node.administration.routes import Routes
from dicom_node.administration.studies import Studies
from dicom_node.archive.external import read_external
from dicom_node.configuration.files import load_routes
from dicom_node.domain.route import Route
from dicom_node.models.cards import ModelCards
from dicom_node.models.routable import require_runnable, require_servable
from dicom_node.node.administration import make_ae_titles, make_people
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories


def make_routes(repositories: Repositories, config_dir: Path, cards: ModelCards) -> Routes:
    """Return the administration of routes.

    Raises
    ------
    ConfigurationError
        When config/routes.toml cannot be used.
    """
    return Routes(
        repositories.routes,
        of_file=load_routes(config_dir),
        require_servable=lambda route: _servable(cards, route),
        is_peer=lambda title: repositories.ae_titles.find(title) is not None,
        received=repositories.index,
        clock=utc_now,
    )


def make_administration(
    repositories: Repositories,
    *,
    routes: Routes,
    cards: ModelCards,
    problems: Callable[[], tuple[str, ...]] = tuple,
) -> Administration:
    """Return what can be administered; ``problems`` says what keeps a running node from its work.

    A running node reads the same databases: what is changed here counts there at once.
    """
    settings = repositories.settings
    ae_titles = make_ae_titles(settings, repositories.ae_titles)
    studies = Studies(
        index=repositories.index,
        lists=repositories.traffic,
        results=repositories.hotbase,
        deliveries=repositories.deliveries,
        trail=repositories.audit,
        clock=utc_now,
    )
    return Administration(
        operations=Operations(
            traffic=repositories.traffic,
            studies=studies,
            problems=problems,
            held=lambda: sum(repositories.hotbase.held_counts().values()),
            suspensions=repositories.observations.suspensions,
            clock=utc_now,
        ),
        studies=studies,
        deliveries=Deliveries(
            repositories.deliveries,
            study_of=lambda job_id: repositories.hotbase.job_instances(job_id)[0],
            trail=repositories.audit,
            clock=utc_now,
        ),
        ae_titles=ae_titles,
        people=make_people(repositories.users, repositories.tokens),
        changes=repositories.audit,
        routes=routes,
        models=make_model_versions(cards, settings.cache_dir),
        suspensions=Suspensions(repositories.observations, clock=utc_now),
        first_steps=FirstSteps(
            ae_titles=ae_titles,
            routes=routes,
            has_received=lambda: bool(repositories.index.recent(1)),
            has_delivered=repositories.traffic.has_delivered,
        ),
        active_models=lambda: tuple(sorted(cards.versions)),
        read_file=read_external,
    )


def make_model_versions(cards: ModelCards, cache: Path) -> ModelVersions:
    """Return the administration of models' versions."""
    return ModelVersions(
        cards, prepare=lambda card: require_runnable(card, cards, cache), clock=utc_now
    )


def _servable(cards: ModelCards, route: Route) -> None:
    require_servable(cards, route)
