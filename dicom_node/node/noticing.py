"""What people are told of, gathered: the node's problems, drift, suspensions, urgent findings."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dicom_node.administration.notifications import Notifications
from dicom_node.configuration.channels import ChannelFile
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem
from dicom_node.domain.notice import Matter, News, QuietHours, Told, UrgentRule, Weight
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.notices.errors import ToldAwayError
from dicom_node.notices.message import trial
from dicom_node.notices.sending import check_address, send
from dicom_node.notices.teller import Style, Teller, Trouble
from dicom_node.persistence.told import ToldStore

if TYPE_CHECKING:
    from dicom_node.workflow.devices.drift import DeviceDrift

_FINDINGS_SOUGHT = timedelta(days=3)
_PAGES = {
    "failed studies": "/studies?shown=failed",
    "stuck studies": "/studies?shown=waiting",
    "undecided studies": "/studies?shown=undecided",
    "given-up deliveries": "/deliveries",
    "destination down": "/deliveries",
    "model": "/models",
}


def style_of(settings: NodeSettings) -> Style:
    """Return how notices name the node, and when it is quiet."""
    return Style(
        node=f"DICOM AI node {settings.network.ae_title}",
        address=settings.notifications.address,
        quiet_hours=QuietHours.read(settings.notifications.quiet_hours),
    )


def channel_file(settings: NodeSettings) -> ChannelFile:
    """Return where channels are kept."""
    return ChannelFile(settings.common_dir / "channels.json")


def make_notifications(
    repositories: Repositories, *, teller: Teller | None = None
) -> Notifications:
    """Return the administration of notices; without a teller nobody knows what went wrong."""
    settings = repositories.settings
    troubles: Callable[[], dict[str, Trouble]] = (
        (lambda: dict(teller.troubles)) if teller is not None else dict
    )
    return Notifications(
        channel_file(settings),
        told=repositories.told.of,
        troubles=lambda: {name: each.reason for name, each in troubles().items()},
        check=check_address,
        try_out=lambda channel: send(
            channel.url, trial(node=style_of(settings).node, channel=channel.name)
        ),
        trail=repositories.audit,
        clock=utc_now,
        quiet_hours=settings.notifications.quiet_hours,
        urgent=settings.notifications.urgent,
        address=settings.notifications.address,
    )


def make_teller(
    repositories: Repositories,
    *,
    problems: Callable[[], Sequence[Problem]],
    drifts: "Callable[[], Sequence[DeviceDrift]]",
) -> Teller:
    """Return what tells every channel of a running node."""
    settings = repositories.settings
    gathering = _Gathering(repositories, problems, drifts)
    return Teller(
        channels=channel_file(settings).all,
        matters=functools.partial(gathering.matters, utc_now),
        told=ToldOrAway(repositories.told),
        send=send,
        style=style_of(settings),
        settle=timedelta(seconds=settings.notifications.settle),
        clock=utc_now,
    )


class ToldOrAway:
    """The table of what was told, whose failures say that it is away."""

    def __init__(self, told: ToldStore) -> None:
        self._told = told

    def of(self, channel: str) -> Mapping[str, Told]:
        """Return what a channel was told, by the matter's key.

        Raises
        ------
        ToldAwayError
            When the database cannot be read.
        """
        with _away():
            return self._told.of(channel)

    def note(self, channel: str, news: News, *, at: datetime) -> None:
        """Note that a channel has taken news.

        Raises
        ------
        ToldAwayError
            When the database cannot be written.
        """
        with _away():
            self._told.note(channel, news, at=at)

    def forget(self, *, findings_before: datetime, channels: Iterable[str]) -> None:
        """Forget findings that were told before a moment, and channels other than these.

        Raises
        ------
        ToldAwayError
            When the database cannot be written.
        """
        with _away():
            self._told.forget(findings_before=findings_before, channels=channels)


@contextmanager
def _away() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        raise ToldAwayError(f"what was told cannot be reached ({type(error).__name__})") from error


class _Gathering:
    def __init__(
        self,
        repositories: Repositories,
        problems: Callable[[], Sequence[Problem]],
        drifts: "Callable[[], Sequence[DeviceDrift]]",
    ) -> None:
        self._repositories = repositories
        self._problems = problems
        self._drifts = drifts
        self._last: dict[str, Matter] = {}
        self._rules = [UrgentRule.read(each) for each in repositories.settings.notifications.urgent]

    def matters(self, clock: Callable[[], datetime]) -> tuple[Matter, ...]:
        """Return everything that people are to know of now.

        What the database would say stands as it was for as long as that is away.
        """
        problems = self._problems()
        found = {each.key: each for each in map(problem_matter, problems)}
        found |= {each.key: each for drift in self._drifts() for each in drift_matters(drift)}
        try:
            kept = {each.key: each for each in self._of_database(clock())}
        except sa.exc.SQLAlchemyError:
            return tuple({**self._last, **found}.values())
        if any(each.kind == "database" for each in problems):
            return tuple({**self._last, **kept, **found}.values())
        self._last = {**found, **kept}
        return tuple(self._last.values())

    def _of_database(self, now: datetime) -> Iterator[Matter]:
        for suspended in self._repositories.observations.suspensions():
            model, device = suspended.model_name, suspended.device_id
            yield Matter(
                key=f"suspended:{model}:{device}",
                weight=Weight.DEGRADED,
                words=f"model {model} is suspended for device {device}",
                advice="look at Drift; whoever may promote models takes it back under Models",
                path="/models",
            )
        yield from self._urgent(now - _FINDINGS_SOUGHT)

    def _urgent(self, since: datetime) -> Iterator[Matter]:
        for rule in self._rules:
            for job, study in self._repositories.urgent.since(rule.label, rule.least, since):
                yield Matter(
                    key=f"finding:{rule.label}:{job}",
                    weight=Weight.FINDING,
                    words=f"{rule.label} found, probability {rule.least:g} or more: read it soon",
                    path=f"/worklist/items/{job}",
                    advice=f"study {study}",
                )


def problem_matter(problem: Problem) -> Matter:
    """Return a problem of the node as something to tell."""
    return Matter(
        key=f"{problem.kind}:{problem.about}",
        weight=Weight(problem.severity.value),
        state=str(problem.count or ""),
        words=problem.words,
        advice=problem.advice,
        path=_PAGES.get(problem.kind, "/overview"),
    )


def drift_matters(drift: "DeviceDrift") -> Iterator[Matter]:
    """Yield what drifted on a device: one matter, told again where other things drift."""
    if not drift.alerts:
        return
    yield Matter(
        key=f"drift:{drift.model.name}:{drift.device_id}",
        weight=Weight.DEGRADED,
        state=str(len(drift.alerts)),
        words=f"{drift.model.name} on device {drift.device_id} drifts: {'; '.join(drift.alerts)}",
        advice="compare images and verdicts of that device, then calibrate it",
        path="/drift",
    )
