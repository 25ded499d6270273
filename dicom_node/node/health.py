"""Health: each check looks at one thing, and says what is wrong with it and what to do.

``standing_problems`` needs no running node, so that the doctor sees the same; a running node adds
its receivers, models and steps. Nothing here counts what grows with the archive.
"""

import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.delivery import deliveries
from dicom_node.domain.health import Problem, Severity
from dicom_node.errors import ConfigurationError
from dicom_node.network.certificates import expires_at
from dicom_node.network.tls import TlsFiles
from dicom_node.node.clock import utc_now
from dicom_node.node.disks import disk_problems
from dicom_node.node.part_settings import tls_files
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.standing import MOST, Still

_EXPIRES_SOON = timedelta(days=30)
_OUTAGE_SECONDS = 10.0


def standing_problems(
    settings: NodeSettings,
    repositories: Repositories,
    *,
    disks: Callable[[], Iterable[Problem]] | None = None,
) -> Iterator[Problem]:
    """Yield what is wrong with disk, certificate, database, studies and deliveries.

    ``disks`` says what a running node sees of its disks.
    """
    yield from disk_problems(settings) if disks is None else disks()
    yield from certificate_problems(settings)
    try:
        repositories.index.ping()
        yield from _study_problems(settings, repositories)
        yield from _evidence_problems(repositories)
        yield from _delivery_problems(repositories)
        yield from _commitment_problems(repositories)
    except sa.exc.SQLAlchemyError as error:
        yield Problem(
            kind="database",
            severity=Severity.FAILING,
            words=f"the database cannot be read ({type(error).__name__})",
            advice="start it, or correct database.url: what was received waits for it",
        )


def certificate_problems(settings: NodeSettings) -> Iterator[Problem]:
    """Say which of the node's certificates, of DICOM and of the pages, has ended or soon will."""
    try:
        files = tls_files(settings)
    except ConfigurationError as error:
        yield _unusable("tls.certificate", str(error))
    else:
        if files is not None:
            yield from _certificate_problems("tls.certificate", files)
    web = settings.web
    if web.certificate and web.private_key:
        own = Path(web.certificate)
        shown = TlsFiles(certificate=own, private_key=Path(web.private_key), trusted=own)
        yield from _certificate_problems("web.certificate", shown)


def _certificate_problems(setting: str, files: TlsFiles) -> Iterator[Problem]:
    try:
        ends = expires_at(files)
    except (ConfigurationError, ssl.SSLError) as error:
        yield _unusable(setting, getattr(error, "verify_message", "") or str(error))
        return
    if ends - utc_now() < _EXPIRES_SOON:
        yield Problem(
            kind="certificate",
            about=setting,
            severity=Severity.DEGRADED,
            words=f"the certificate of {setting} ends on {ends:%Y-%m-%d}",
            advice="put a new one in its place",
        )


def _unusable(setting: str, why: str) -> Problem:
    return Problem(
        kind="certificate",
        about=setting,
        severity=Severity.FAILING,
        words=f"the certificate of {setting} cannot be used: {why}",
        advice="put a new one in its place",
    )


def _study_problems(settings: NodeSettings, repositories: Repositories) -> Iterator[Problem]:
    limit = timedelta(seconds=settings.workflow.stuck_after)
    if (stuck := repositories.standing.unfinished(utc_now() - limit)).count:
        yield Problem(
            kind="stuck studies",
            severity=Severity.DEGRADED,
            count=stuck.count,
            words=f"{_counted(stuck)} not done after the time that it should take{_since(stuck)}",
            advice="dicom-node status says what each waits for",
        )
    if (undecided := repositories.standing.undecided(utc_now() - limit)).count:
        yield Problem(
            kind="undecided studies",
            severity=Severity.DEGRADED,
            count=undecided.count,
            words=f"{_counted(undecided)} of several patients held until a person has decided"
            f"{_since(undecided)}",
            advice="dicom-node studies undecided says which",
        )
    if (failed := repositories.standing.failed()).count:
        yield Problem(
            kind="failed studies",
            severity=Severity.DEGRADED,
            count=failed.count,
            words=f"{_counted(failed)} failed{_since(failed)}",
            advice="dicom-node status says why, dicom-node retry analyses them again",
        )


def _evidence_problems(repositories: Repositories) -> Iterator[Problem]:
    if count := sum(repositories.hotbase.held_counts().values()):
        yield Problem(
            kind="held results",
            count=count,
            severity=Severity.DEGRADED,
            words=f"held back, because they break a rule of the Standard: {_results(count)}",
            advice="dicom-node evidence held says which and why",
        )


def _delivery_problems(repositories: Repositories) -> Iterator[Problem]:
    for each in repositories.deliveries.outages():
        yield Problem(
            kind="destination down",
            about=each.destination,
            severity=Severity.DEGRADED,
            words=f"{each.destination} is down since {each.since:%Y-%m-%d %H:%M} UTC, {each.words}",
            advice=f"dicom-node ae echo {each.destination} tries it",
        )
    for destination, count in repositories.deliveries.given_up_counts().items():
        yield Problem(
            kind="given-up deliveries",
            about=destination,
            count=count,
            severity=Severity.DEGRADED,
            words=f"given up: {deliveries(count)} to {destination}",
            advice=f"dicom-node deliveries list {destination} says why, and "
            f"dicom-node deliveries retry {destination} sends them again",
        )


def _commitment_problems(repositories: Repositories) -> Iterator[Problem]:
    """Say who asked whether images are kept, and could not be told the answer."""
    for requestor, count in repositories.commitment_requests.given_up_counts().items():
        yield Problem(
            kind="untold commitments",
            about=requestor,
            count=count,
            severity=Severity.DEGRADED,
            words=f"{requestor} could not be told the result of 1 storage commitment"
            if count == 1
            else f"{requestor} could not be told the results of {count} storage commitments",
            advice=f"dicom-node ae set {requestor} --host HOST --port PORT says where it listens; "
            "let it ask again",
        )


def _counted(still: Still) -> str:
    if still.count == 1:
        return "1 study"
    return f"{still.count} or more studies" if still.count == MOST else f"{still.count} studies"


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"


def _since(still: Still) -> str:
    return f", the first since {still.since:%Y-%m-%d %H:%M} UTC" if still.since else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningParts:
    """What a running node can say of itself."""

    receivers_ready: Callable[[], bool]
    place_held: Callable[[], bool]
    unloaded_models: Callable[[], dict[str, str]]
    services_away: Callable[[], dict[str, str]]
    workers_down: Callable[[], int]
    lasting_outage: Callable[[], tuple[int, float, str]]


def running_problems(parts: RunningParts) -> Iterator[Problem]:
    """Yield what is wrong with receivers, models, steps, and the node's place among others."""
    if not parts.receivers_ready():
        yield Problem(
            kind="receivers",
            severity=Severity.FAILING,
            words="receivers are not listening",
            advice="they are started again by themselves; the log says why they ended",
        )
    if not parts.place_held():
        yield Problem(
            kind="place",
            severity=Severity.FAILING,
            words="another node has taken this one's name in the workflow store",
            advice="stop one of them, or give it another workflow.executor_id",
        )
    for name, why in parts.unloaded_models().items():
        yield Problem(
            kind="model",
            about=name,
            severity=Severity.DEGRADED,
            words=f"model {name} is not loaded: {why}",
            advice=f"dicom-node models show {name}; its studies fail until then",
        )
    for name, why in parts.services_away().items():
        yield Problem(
            kind="service",
            severity=Severity.DEGRADED,
            words=f"model {name} cannot be asked: {why}",
            advice=f"its studies wait; dicom-node models check {name} tries it",
        )
    if down := parts.workers_down():
        yield Problem(
            kind="workers",
            severity=Severity.DEGRADED,
            words="1 worker process is not running"
            if down == 1
            else f"{down} worker processes are not running",
            advice="they are started again by themselves; the log says why they ended, and "
            "workers.memory_bytes may be too little",
        )
    count, seconds, why = parts.lasting_outage()
    if seconds >= _OUTAGE_SECONDS:
        yield Problem(
            kind="outage",
            severity=Severity.DEGRADED,
            words=f"1 step waits since {seconds:.0f} s for the end of an outage ({why})"
            if count == 1
            else f"{count} steps wait since {seconds:.0f} s for the end of an outage ({why})",
            advice="start the database or the service, or make room on the disk: they go on by "
            "themselves",
        )
