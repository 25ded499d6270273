"""The composition root: everything is built and wired here, once."""

import getpass
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from dicom_node import __version__
from dicom_node.audit.events import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem, status_of
from dicom_node.domain.host import Host, Role
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.instruments import Instruments
from dicom_node.isolation.memory import give_back_memory
from dicom_node.models.cards import ModelCards
from dicom_node.models.services import ServiceWatch
from dicom_node.network.events import ReceptionEvent
from dicom_node.node.administering import make_administration, make_routes
from dicom_node.node.analyst import AnalystSetup
from dicom_node.node.association_records import AssociationRecords
from dicom_node.node.auditing import Auditing
from dicom_node.node.clock import utc_now
from dicom_node.node.committing import commitment_telling
from dicom_node.node.corridor import Surroundings, make_corridor
from dicom_node.node.couriers import courier_parts
from dicom_node.node.device_jobs import DeviceJobs
from dicom_node.node.disk_watch import DiskWatch
from dicom_node.node.engine_settings import contract, remote_settings
from dicom_node.node.fetching import fetching_of, repairing_of
from dicom_node.node.finetuning_schedule import FineTuningSchedule
from dicom_node.node.health import RunningParts, running_problems, standing_problems
from dicom_node.node.hosts import Cluster
from dicom_node.node.isolated import Isolated, Workers
from dicom_node.node.listening import Listening
from dicom_node.node.measuring import Observed, fill_registry, measured_events
from dicom_node.node.messages import Messages
from dicom_node.node.noticing import make_teller
from dicom_node.node.pages import make_pages
from dicom_node.node.part_settings import scp_settings
from dicom_node.node.performing import performer_of
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.reception import ReceptionDesk
from dicom_node.node.relief import LeftAssociations
from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import Retention, retention_rule
from dicom_node.node.schedule import Schedule
from dicom_node.node.self_test import SelfTest
from dicom_node.node.shadows import Shadows
from dicom_node.node.sweeps import Sweeps, one_after_another
from dicom_node.node.uploads import NodeUploads
from dicom_node.node.viewing import Viewing
from dicom_node.node.wanting import study_fetching
from dicom_node.node.website import Website
from dicom_node.node.work import Sharing, Work
from dicom_node.persistence.changes import Changes
from dicom_node.web.application import Pages, make_application
from dicom_node.workflow.analysis.ahead import Ahead, AheadParts
from dicom_node.workflow.analysis.receive import Reception
from dicom_node.workflow.delivery.dispatch import Dispatch
from dicom_node.workflow.remote import RemoteWorkflows

_LOG = logging.getLogger(__name__)
# A verdict that is this old and known nowhere was given outside this process, or left by a crash.
_UNTOLD_AFTER = timedelta(seconds=2)
_LOOK_AT_SERVICES = 30  # seconds
# What a model said as a whole is needed until its evidence is made; later it would be made again.
_KEEP_PREDICTIONS = timedelta(hours=1)


class Node:
    """A node that receives, analyses and returns, between ``start`` and ``stop``."""

    def __init__(
        self, settings: NodeSettings, config_dir: Path, listening: Listening | None = None
    ) -> None:
        """Build everything; nothing runs yet, but ``listening`` may, which is the node's then.

        Raises
        ------
        ConfigurationError
            When settings, routes, AE titles or models cannot be used.
        ConflictError
            When another node runs on the data folder, or under this name; nothing was touched.
        """
        self._settings = settings
        self._listening = listening or Listening(settings, config_dir)
        try:
            self._build(settings, config_dir)
        except BaseException:
            self._listening.stop()
            self._listening.leave()
            raise

    def _build(self, settings: NodeSettings, config_dir: Path) -> None:
        self._repositories = Repositories(settings)
        self._repositories.prepare(config_dir)
        self._disks = DiskWatch(settings)
        self._auditing = Auditing(settings, self._repositories.audit)
        self._records = AssociationRecords(self._auditing.record)
        self._cluster = Cluster(
            settings, self._repositories.hosts, version=__version__, contract=contract().version
        )
        self._role = self._cluster.role
        self._sharing = Sharing(self._cluster, self._repositories, alive=self._alive)
        self._associations = self._sharing.associations
        self._review_queue = self._repositories.review_queue(on_decided=self._conclude)
        cards = ModelCards(config_dir, settings.models_dir)
        self._routes = make_routes(self._repositories, config_dir, cards)
        self._workers = Workers(
            AnalystSetup.of(settings, config_dir),
            tuple(sorted({route.model for route in self._routes.current().routes})),
            works=self._role.works,
        )
        self._registry = CollectorRegistry()
        self._instruments = Instruments(self._registry, version=__version__)
        self._models = Isolated(
            self._workers,
            self._repositories.attempts,
            settings=settings.workers,
            cards=cards,
            calibrations=self._repositories.calibrations,
            timed=self._instruments.model,
        )
        self._jobs = DeviceJobs(self._repositories, cards)
        self._shadows = Shadows(self._repositories, cards)
        self._services = ServiceWatch(
            settings,
            config_dir,
            lambda: (route.model for route in self._routes.current().routes),
        )
        self._retention = Retention(
            self._repositories.retention,
            data=settings.common_dir,
            evidence=self._repositories.evidence,
            rule=retention_rule(settings),
            clock=utc_now,
            record=self._auditing.record,
        )
        self._tuning = FineTuningSchedule(
            config_dir,
            models=lambda: [card.name for card in self._jobs.models()],
            min_new_cases=settings.finetuning.min_new_cases,
        )
        self._fetching = fetching_of(settings, self._repositories, leads=self._cluster.leads)
        self._corridor = make_corridor(
            settings,
            self._repositories,
            Surroundings(
                models=self._models,
                routes=self._routes.in_use,
                review_queue=self._review_queue,
                is_carried=self._associations.carries,
                expected=self._sharing.expected,
                clock=self._cluster.clock,
                fetching=self._fetching,
            ),
        )
        self._work = (
            Work(
                settings,
                self._cluster,
                self._repositories,
                self._corridor,
                stage=self._instruments.stage,
            )
            if self._role.works
            else None
        )
        self._workflows = (
            self._work.workflows if self._work else RemoteWorkflows(remote_settings(settings))
        )
        self._corridor.completion.start_with(self._workflows)
        self._left = (
            LeftAssociations(
                self._sharing.shared,
                index=self._repositories.index,
                completion=self._corridor.completion,
            )
            if self._sharing.shared is not None
            else None
        )
        self._dispatch = Dispatch(
            courier_parts(
                settings,
                self._repositories,
                self._instruments,
                record=self._auditing.record,
                pack=self._workers.pack,
            )
        )
        self._corridor.planning.wake_with(self._dispatch.wake)
        self._telling = commitment_telling(settings, self._repositories)
        self._messages = Messages(settings, self._repositories)
        self._ahead = Ahead(
            AheadParts(
                routes=lambda: self._routes.current().routes,
                identity=self._models.identity,
                look=self._models.look_ahead,
            )
        )
        self._desk = ReceptionDesk(
            reception=Reception(
                index=self._repositories.index,
                associations=self._associations,
                completion=self._corridor.completion,
                arrived=self._fetching.want if self._fetching else _nothing,
                looked_at=self._ahead.arrived,
            ),
            associations=self._associations,
            stored=self._repositories.stored_since_last_index,
            skew=self._cluster.skew,
        )
        self._workstations = Workstations(
            settings, self._repositories, record=self._auditing.record
        )
        self._viewing = Viewing(settings) if settings.workers.count and self._role.shows else None
        self._uploads = NodeUploads(
            archive=self._repositories.received,
            tell=self._received,
            limits=scp_settings(settings).object_limits,
            ae_title=settings.network.ae_title,
            most=settings.web.max_uploads,
            clock=utc_now,
        )
        self._stopping = threading.Event()
        self._self_test = SelfTest(
            self._repositories,
            uploads=self._uploads,
            stages=self._workflows.stages,
            clock=utc_now,
        )
        self._teller = make_teller(
            self._repositories, problems=self.problems, drifts=lambda: self._jobs.measured
        )
        self._web = Website(
            make_application(
                registry=fill_registry(
                    self._registry,
                    self._repositories,
                    Observed(
                        workers=self._workers,
                        reviews=self._review_queue.counts,
                        open_associations=self._associations.__len__,
                        problems=self.problems,
                        drifts=lambda: self._jobs.measured,
                    ),
                ),
                observe=self._instruments.answered,
                problems=self.problems,
                has_started=self._workers.have_started,
                version=__version__,
                hosts=self._hosts,
                pages=self._make_pages(cards) if self._role.shows else None,
                machines=self._workstations.routers if self._role.shows else (),
            ),
            settings.web,
        )
        self._clock = Schedule(leads=self._cluster.leads)
        self._is_resting = False
        urls = dict.fromkeys((settings.hotbase_url, settings.workflow_url))
        self._changes = tuple(Changes(each) for each in urls)
        self._sweeps = Sweeps(
            seconds=settings.workflow.sweep_interval,
            news=(self._desk.lags, *(each.seen for each in self._changes)),
            waits=self._is_anything_under_way,
            resting=self._rest,
            leads=self._cluster.leads,
        )

    @property
    def role(self) -> Role:
        """What this host does of the work."""
        return self._role

    @property
    def port(self) -> int:
        """The port that the node receives on."""
        return self._listening.port

    @property
    def tls_port(self) -> int | None:
        """The port that the node receives on by TLS, where it has a certificate."""
        return self._listening.tls_port

    @property
    def web_port(self) -> int:
        """The port of the HTTP side."""
        return self._web.port

    @property
    def web_url(self) -> str:
        """Where the HTTP side is reached from this machine."""
        return self._web.url

    @property
    def worklist_port(self) -> int:
        """The port of the worklist for other systems, where it is switched on."""
        return self._workstations.port

    def start(self) -> None:
        """Start everything, in the order in which each needs the one before.

        Raises
        ------
        NodeError
            When something cannot start; what had started is stopped again.
        """
        self._repositories.open_evidence()
        # Before anything is indexed: it is the newest row that says how far back to look.
        missed = self._repositories.stored_since_last_index()
        self._listening.start()
        self._auditing.start()
        self._auditing.record(
            application(started=True, by=getpass.getuser(), at=utc_now(), version=__version__)
        )
        self._cluster.start()
        (self._work or self._workflows).start()
        try:
            if self._work:
                self._dispatch.start()
            self._listening.hand_over(measured_events(self._received, self._instruments))
            self._take_up(missed)
            if self._work and self._fetching is not None:
                self._fetching.start()
            self._schedule()
            self._web.start()
            if self._role.shows:
                self._workstations.start()
            # Workers are forked from what has imported their modules after receivers were forked.
            self._listening.wait_until_ready()
            self._workers.start()
            if self._work:
                self._ahead.start()
            self._cluster.look_after(self._relief(), status=self._own_status)
        except BaseException:
            self.stop()
            raise
        _LOG.info(
            "receiving ae_title=%s port=%d web_port=%d",
            self._settings.network.ae_title,
            self.port,
            self.web_port,
        )

    def stop(self) -> None:
        """Stop taking associations, let the running ones and their studies end, then stop."""
        self._stopping.set()
        self._ahead.stop()
        self._self_test.stop()
        self._uploads.stop()
        self._listening.stop()
        self._workstations.stop()
        self._tuning.stop()
        self._repositories.describing.stop()
        if self._fetching is not None:
            self._fetching.stop()
        self._clock.stop()
        self._sweeps.stop()
        self._workflows.stop()
        self._dispatch.stop()
        self._workers.stop()
        self._web.stop()
        if self._viewing is not None:
            self._viewing.stop()
        self._auditing.take_changes()
        self._auditing.record(
            application(started=False, by=getpass.getuser(), at=utc_now(), version=__version__)
        )
        self._auditing.stop()
        self._cluster.stop()
        for each in self._changes:
            each.close()
        self._repositories.close()
        self._listening.leave()

    def problems(self) -> tuple[Problem, ...]:
        """Say what is wrong with the node, and what to do."""
        return (
            *self._own_problems(),
            *self._self_test.problems(),
            *standing_problems(self._settings, self._repositories, disks=self._disks.problems),
            *self._other_hosts(),
            *self._auditing.problems(),
        )

    def _own_problems(self) -> tuple[Problem, ...]:
        parts = RunningParts(
            receivers_ready=self._listening.ready,
            place_held=self._listening.is_place_held,
            unloaded_models=self._workers.unloaded,
            services_away=self._services.away,
            workers_down=self._workers.down,
            lasting_outage=self._workflows.outages.lasting,
        )
        return tuple(running_problems(parts))

    def _own_status(self) -> str:
        return status_of(self._own_problems())

    def _other_hosts(self) -> tuple[Problem, ...]:
        try:
            return self._cluster.problems()
        except sa.exc.SQLAlchemyError:  # said of the database already
            return ()

    def _hosts(self) -> tuple[Host, ...]:
        try:
            return self._cluster.hosts()
        except sa.exc.SQLAlchemyError:
            return ()

    def _alive(self, workflows: list[str]) -> frozenset[str]:
        return self._work.workflows.alive(workflows) if self._work else frozenset()

    def _take_up(self, missed: Iterable[ReceivedInstance]) -> None:
        """Go on with what an earlier run of this host left."""
        if self._left:
            self._left.settle()
        else:
            self._repositories.commitment_requests.release_all()
            self._repositories.retrievals.end_all(until=utc_now())
        if not self._left or self._role.receives:
            self._desk.catch_up_with(missed)
        if not self._left:
            for study in self._repositories.index.receiving():
                self._corridor.completion.expect(study.study_instance_uid)

    def _relief(self) -> tuple[Callable[[], None], ...]:
        if self._work is None or self._left is None:
            return ()
        return self._work.relief(self._left, self._desk.take_in)

    def _received(self, told: Sequence[ReceptionEvent]) -> None:
        self._desk.handle(told)
        self._records.handle(told)

    def _make_pages(self, cards: ModelCards) -> Pages:
        return make_pages(
            self._settings,
            self._repositories,
            self._review_queue,
            version=__version__,
            devices=self._jobs.desk(),
            administration=make_administration(
                self._repositories,
                routes=self._routes,
                cards=cards,
                problems=self.problems,
                teller=self._teller,
                self_test=self._self_test,
                is_over=self._stopping.is_set,
            ),
            uploads=self._uploads,
            decoder=self._viewing,
            record=self._auditing.record,
            audit=self._auditing.trail,
        )

    def _schedule(self) -> None:
        settings, clock, sweeps = self._settings, self._clock, self._sweeps
        sweeps.add(one_after_another(self._parts_of_sweep))
        clock.every(self._web.renew, seconds=60)
        if self._work:
            # At once, and whenever something is indexed without its attributes.
            sweeps.add(self._repositories.describing.run, for_all=True, at_once=True)
            sweeps.add(self._telling.sweep, for_all=True)
            sweeps.add(self._messages.sweep, for_all=True)
            sweeps.add(self._shadows.run, for_all=True)
            clock.every(self._services.look, seconds=_LOOK_AT_SERVICES, at_once=True)
            clock.every(self._collect, seconds=3600, for_all=True)
            clock.every(self._tell, seconds=settings.notifications.interval, for_all=True)
            retrieving = (settings, self._repositories, self._corridor.completion)
            is_over = self._stopping.is_set
            wanted = study_fetching(*retrieving, is_over=is_over)
            sweeps.add(wanted.sweep, for_all=True)
            if (performer := performer_of(settings, self._repositories)) is not None:
                clock.every(performer.sweep, seconds=settings.performing.interval, for_all=True)
            if settings.retrieval.archive:
                repairing = repairing_of(*retrieving, is_over=is_over)
                sweeps.add(repairing.sweep, for_all=True)
            clock.at(self._jobs.calibrate_all, settings.calibration.schedule)
            clock.at(self._jobs.watch_all, settings.drift.schedule)
            clock.at(self._tuning.run, settings.finetuning.schedule)
            clock.at(self._retention.run, settings.retention.schedule)
            clock.at(self._self_test.run, settings.self_test.schedule)
        clock.start()
        sweeps.start()

    def _rest(self, is_resting: bool) -> None:
        if self._work:
            self._work.workflows.rest(is_resting)
        if is_resting and not self._is_resting:
            give_back_memory()
        self._is_resting = is_resting

    def _is_anything_under_way(self) -> bool:
        """Whether sweeps may find something that nobody tells of: time makes it due."""
        if self._repositories.waiting.any():
            return True
        return self._work is not None and self._work.is_under_way()

    def _parts_of_sweep(self) -> Iterator[Callable[[], object]]:
        yield self._desk.catch_up
        if self._left:
            yield self._left.settle
        if self._work:
            yield self._work.sweep
            if self._cluster.leads():
                yield self._work.salvage
            yield self._dispatch.sweep
            if self._cluster.leads():
                yield self._corridor.completion.sweep
        if self._role.shows:
            yield self._workstations.sweep
        if self._work and self._cluster.leads():
            yield self._conclude_decided
            yield self._repositories.withdraw_reopened
            yield self._auditing.take_changes

    def _tell(self) -> None:
        self._instruments.told(self._teller.look())

    def _conclude_decided(self) -> None:
        # Also what the command line has decided. A new attempt each minute, should one fail.
        minute = int(utc_now().timestamp() // 60)
        for item_id in self._review_queue.unconcluded(utc_now() - _UNTOLD_AFTER):
            self._workflows.conclude_now(item_id, attempt=minute)

    def _collect(self) -> None:
        if self._work:
            self._work.workflows.collect()
        self._repositories.hotbase.forget_predictions(utc_now() - _KEEP_PREDICTIONS)
        kept = timedelta(seconds=self._settings.workflow.keep_workflows)
        self._repositories.commitment_requests.collect(utc_now() - kept)
        self._repositories.commitments.collect(utc_now() - kept)
        self._repositories.announcements.collect(utc_now() - kept)
        self._repositories.messages.collect(utc_now() - kept)
        self._repositories.taken.collect(utc_now() - kept)

    def _conclude(self, item_id: str) -> None:
        self._workflows.conclude_now(item_id)


def _nothing(_told: object) -> None:
    """Take note of nothing."""
