"""The administration's pages over a node's stores, with traffic of every kind in them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from dicom_node.administration.administration import Administration
from dicom_node.dicomweb.uploads import Uploads
from dicom_node.domain.application_entity import Role
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.health import Problem
from dicom_node.domain.job import Job, JobState
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.study import StudyState
from dicom_node.models.cards import ModelCards
from dicom_node.node.administering import make_administration
from dicom_node.node.auditing import Trail
from dicom_node.node.pages import make_pages
from dicom_node.node.repositories import Repositories
from dicom_node.node.routing import make_routes
from dicom_node.web.application import make_application
from dicom_node.web.devices.ports import DeviceDesk
from dicom_node.web.server import WebServer
from dicom_node.workflow.testing.fakes import FAKE_MODEL
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue
from tests.peers.reading_room import add_people, settings_in
from tests.schema import give_schemas
from tests.unit.builders import an_entity, an_instance

CONFIG = Path(__file__).parents[2] / "config"
FAILED, ANALYSED, UNROUTED, WAITING, BROKEN_OFF = (f"1.2.9.{number}" for number in range(1, 6))


@contextmanager
def office_stores(folder: Path) -> Iterator[Repositories]:
    """A node's stores with people, AE titles and traffic."""
    repositories = Repositories(settings_in(folder))
    give_schemas(repositories)
    add_people(repositories)
    add_peers(repositories)
    add_traffic(repositories)
    try:
        yield repositories
    finally:
        repositories.close()


def office_administration(
    repositories: Repositories,
    is_over: Callable[[], bool] = lambda: False,
    problems: Callable[[], tuple[Problem, ...]] = tuple,
) -> Administration:
    """The administration over the stores, with the routes and models that come with the node."""
    cards = ModelCards(CONFIG, repositories.settings.models_dir)
    routes = make_routes(repositories, CONFIG, cards)
    return make_administration(
        repositories, routes=routes, cards=cards, is_over=is_over, problems=problems
    )


def office_application(
    repositories: Repositories,
    devices: DeviceDesk | None = None,
    uploads: Uploads | None = None,
    is_over: Callable[[], bool] = lambda: False,
    review_queue: ReviewQueue | None = None,
    *,
    problems: Callable[[], tuple[Problem, ...]] = tuple,
) -> FastAPI:
    """All pages over the stores, and a worklist in memory; ``is_over`` ends what is listened to."""
    pages = make_pages(
        repositories.settings,
        repositories,
        review_queue or FakeReviewQueue(),
        version="test",
        devices=devices,
        administration=office_administration(repositories, is_over, problems),
        uploads=uploads,
        audit=Trail(repositories.settings, repositories.audit),
    )
    return make_application(
        registry=CollectorRegistry(), problems=tuple, version="test", pages=pages
    )


@contextmanager
def serving(application: FastAPI) -> Iterator[str]:
    """Serve an application on a free port of this machine; yield its address."""
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.stop()


def add_peers(repositories: Repositories) -> None:
    """Administer a radiography unit, a CT scanner and a PACS."""
    now = datetime.now(UTC)
    for entity in (
        an_entity("CR1", description="Chest room 1"),
        an_entity("CT1", quiet_period=30.0, destinations=()),
        an_entity("PACS", roles=frozenset({Role.PACS}), destinations=(), port=4242),
    ):
        repositories.ae_titles.put(entity, actor="setup", at=now)


def add_traffic(repositories: Repositories) -> None:
    """Add a study of each fate, and deliveries that are done, wait and were given up."""
    now = datetime.now(UTC)
    for number, study in enumerate((FAILED, ANALYSED, UNROUTED, WAITING, BROKEN_OFF), start=1):
        images = [
            an_instance(
                f"{study}.{image}",
                study_instance_uid=study,
                calling_ae="CT1" if study == UNROUTED else "CR1",
                path=f"CR1/{study}/{image}.dcm",
                received_at=now - timedelta(minutes=7 * number),
            )
            for image in range(1, 3)
        ]
        repositories.index.record(images)
    _finish(repositories, FAILED, StudyState.FAILED, "chest-radiograph: the model ended early")
    _finish(repositories, ANALYSED, StudyState.ANALYSED, "")
    _finish(repositories, UNROUTED, StudyState.NOT_ROUTED, "chest-radiograph: body part HAND")
    repositories.index.interrupted(BROKEN_OFF, AssociationEnd.ABORTED, sender="CR1")
    _add_deliveries(repositories, now)


def _finish(repositories: Repositories, study: str, state: StudyState, reason: str) -> None:
    claimed = repositories.index.claim(study, by=study, at=datetime.now(UTC))
    assert claimed is not None
    repositories.index.finish(claimed, state, reason)


def _add_deliveries(repositories: Repositories, now: datetime) -> None:
    for number, (study, state) in enumerate(((FAILED, JobState.FAILED), (ANALYSED, JobState.DONE))):
        job = Job(
            job_id=f"{number}" * 32,
            study_instance_uid=study,
            revision=1,
            route="chest-radiograph",
            model=FAKE_MODEL,
            sop_instance_uids=(f"{study}.1",),
            destinations=("PACS", "ARCHIVE"),
        )
        hotbase = repositories.hotbase
        hotbase.add_job(job, at=now)
        hotbase.finish_job(job.job_id, state, at=now, reason="")
        for destination, fate, error in (
            ("PACS", DeliveryState.DELIVERED, ""),
            ("ARCHIVE", DeliveryState.FAILED, "ARCHIVE refused the association: unknown title"),
        ):
            planned = repositories.deliveries.plan(job.job_id, destination, at=now)
            repositories.deliveries.move(planned.delivery_id, fate, at=now, error=error)
