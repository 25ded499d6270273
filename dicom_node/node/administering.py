"""Puts the administration together over a node's stores, with a running node or without."""

from collections.abc import Callable
from pathlib import Path

from pydicom.errors import InvalidDicomError

from ai_engine.commands.comparison.standing import refusal
from ai_engine.errors import ModelFolderError
from ai_engine.kinds.registry import kind_of
from ai_engine.library.card import ModelCard
from dicom_node.administration.administration import (
    Administration,
    DeviceCalibration,
    SelfTests,
)
from dicom_node.administration.disk import Disk, DiskRoom, Going, Keeping
from dicom_node.administration.first_steps import FirstSteps
from dicom_node.administration.models import ModelVersions
from dicom_node.administration.overview import Operations
from dicom_node.administration.routes import Routes
from dicom_node.administration.studies import Trail
from dicom_node.administration.uploads import UploadedStudies
from dicom_node.archive.external import read_external
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.health import Problem
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.models.routable import require_runnable
from dicom_node.node.administration import make_ae_titles, make_people
from dicom_node.node.clock import utc_now
from dicom_node.node.disks import disk_rooms
from dicom_node.node.mending import (
    make_deliveries,
    make_held,
    make_studies,
    make_suspensions,
    make_whose,
)
from dicom_node.node.noticing import make_notifications
from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import Retention, retention_rule
from dicom_node.notices.teller import Teller
from sr_templates.impression import stated_impression


def make_administration(
    repositories: Repositories,
    *,
    routes: Routes,
    cards: ModelCards,
    problems: Callable[[], tuple[Problem, ...]] = tuple,
    rooms: Callable[[], tuple[DiskRoom, ...] | None] | None = None,
    teller: Teller | None = None,
    self_test: SelfTests | None = None,
    is_over: Callable[[], bool] = lambda: False,
) -> Administration:
    """Return what can be administered.

    ``problems`` says what is wrong with a running node, ``rooms`` what it sees of its disks, and
    ``teller`` which channels did not take their notices.

    A running node reads the same databases: what is changed here counts there at once.
    """
    settings = repositories.settings
    ae_titles = make_ae_titles(settings, repositories.ae_titles, repositories.audit)
    studies, held = make_studies(repositories), make_held(repositories)
    return Administration(
        operations=Operations(
            traffic=repositories.traffic,
            studies=studies,
            problems=problems,
            held=held.count,
            suspensions=repositories.observations.suspensions,
            clock=utc_now,
            is_over=is_over,
        ),
        studies=studies,
        whose=make_whose(repositories),
        held=held,
        uploaded=UploadedStudies(studies, lambda report: _sentence(repositories, report)),
        deliveries=make_deliveries(repositories),
        ae_titles=ae_titles,
        people=make_people(
            repositories.users, repositories.tokens, passwords=not settings.openid.only
        ),
        changes=repositories.audit,
        routes=routes,
        models=make_model_versions(cards, settings.cache_dir, repositories.audit),
        suspensions=make_suspensions(repositories),
        first_steps=FirstSteps(
            ae_titles=ae_titles,
            routes=routes,
            has_received=lambda: bool(repositories.index.recent(1)),
            has_delivered=repositories.traffic.has_delivered,
        ),
        notifications=make_notifications(repositories, teller=teller),
        calibrations=lambda title: _calibrations(repositories, cards, title),
        active_models=lambda: tuple(sorted(cards.versions)),
        read_file=read_external,
        self_test=self_test,
        disk=Disk(
            rooms=rooms or (lambda: disk_rooms(settings)),
            keeping=_keeping(settings),
            going=lambda: _going(repositories),
        ),
    )


def _keeping(settings: NodeSettings) -> Keeping:
    kept = settings.retention
    return Keeping(
        schedule=kept.schedule,
        image_days=kept.image_days,
        result_days=kept.result_days,
        high_water=kept.high_water,
        fewest_days=kept.fewest_days,
    )


def _going(repositories: Repositories) -> Going:
    """Return what retention would remove now."""
    found = Retention(
        repositories.retention,
        data=repositories.settings.common_dir,
        result_path=repositories.evidence.path,
        rule=retention_rule(repositories.settings),
        clock=utc_now,
    ).run(dry=True)
    return Going(
        studies=len(found.studies),
        images=found.instances,
        results=found.results,
        size=found.size,
        only_here=len(found.only_here),
    )


def _sentence(repositories: Repositories, report: EvidenceObject) -> str:
    """Return what a report says in one sentence; nothing where its file is gone."""
    try:
        return stated_impression(repositories.objects.evidence(report.path))
    except (OSError, InvalidDicomError):
        return ""


def make_model_versions(cards: ModelCards, cache: Path, trail: Trail) -> ModelVersions:
    """Return the administration of models' versions; ``trail`` says what becomes active."""
    return ModelVersions(
        cards,
        prepare=lambda card: require_runnable(card, cards, cache),
        why_not=_report_against,
        trail=trail,
        clock=utc_now,
    )


def _report_against(card: ModelCard) -> str:
    """What the report of a fine-tuning beside a version has against it; "" for nothing."""
    try:
        return refusal(card.folder)
    except ModelFolderError as error:
        raise ModelUnavailableError(str(error)) from error


def _calibrations(
    repositories: Repositories, cards: ModelCards, title: str
) -> tuple[DeviceCalibration, ...]:
    """Return what decides the images of an AE title's devices, of those with validated cases."""
    models = [card for card in cards.all_active() if kind_of(card).is_calibrated]
    return tuple(
        DeviceCalibration(
            device=device, model=card.name, version=found.name if found is not None else ""
        )
        for device_id, device in repositories.warehouse.devices().items()
        if device.calling_ae == title
        for card in models
        for found in [
            repositories.calibrations.in_use(device_id, card.identity, family=device.family_id)
        ]
    )
