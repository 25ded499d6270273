"""The composition root: everything is built and wired here, once."""

import getpass
import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry

from dicom_node import __version__
from dicom_node.audit.events import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.host import Role
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.instruments import Instruments
from dicom_node.models.cards import ModelCards
from dicom_node.models.services import ServiceWatch
from dicom_node.network.events import ReceptionEvent
from dicom_node.node.administering import make_administration
from dicom_node.node.analyst import AnalystSetup
from dicom_node.node.association_records import AssociationRecords
from dicom_node.node.auditing import Auditing
from dicom_node.node.clock import utc_now
from dicom_node.node.corridor import Surroundings, make_corridor
from dicom_node.node.couriers import courier_parts
from dicom_node.node.device_jobs import DeviceJobs
from dicom_node.node.engine_settings import contract, remote_settings
from dicom_node.node.fetching import fetching_of
from dicom_node.node.finetuning_schedule import FineTuningSchedule
from dicom_node.node.health import RunningParts
from dicom_node.node.hosts import Cluster
from dicom_node.node.isolated import Isolated, Workers
from dicom_node.node.listening import Listening
from dicom_node.node.measuring import Observed, fill_registry, measured_events
from dicom_node.node.noticing import make_teller
from dicom_node.node.one_archive import require_one_archive
from dicom_node.node.pages import make_pages
from dicom_node.node.part_settings import scp_settings
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.reception import ReceptionDesk
from dicom_node.node.relief import LeftAssociations
from dicom_node.node.repositories import Repositories
from dicom_node.node.routing import make_routes
from dicom_node.node.self_report import SelfReport
from dicom_node.node.self_test import SelfTest
from dicom_node.node.shadows import Shadows
from dicom_node.node.upkeep import Upkeep, UpkeepParts
from dicom_node.node.uploads import NodeUploads
from dicom_node.node.viewing import Viewing
from dicom_node.node.website import Website
from dicom_node.node.work import Sharing, Work
from dicom_node.persistence.changes import Changes
from dicom_node.web.application import Pages, make_application
from dicom_node.workflow.analysis.ahead import Ahead, AheadParts
from dicom_node.workflow.analysis.receive import Reception
from dicom_node.workflow.delivery.dispatch import Dispatch
from dicom_node.workflow.remote import RemoteWorkflows

_LOG = logging.getLogger(__name__)


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
        """Build the parts in the order in which each needs the one before."""
        self._stopping = threading.Event()
        self._build_place(settings, config_dir)
        cards = ModelCards(config_dir, settings.models_dir)
        self._routes = make_routes(self._repositories, config_dir, cards)
        self._build_models(settings, config_dir, cards)
        self._build_corridor(settings)
        self._build_reception(settings)
        self._build_desks(settings)
        self._report = self._make_report()
        self._teller = make_teller(
            self._repositories,
            problems=self._report.problems,
            drifts=lambda: self._jobs.measured,
        )
        self._web = self._make_website(cards)
        urls = dict.fromkeys((settings.hotbase_url, settings.workflow_url))
        self._changes = tuple(Changes(each) for each in urls)
        self._upkeep = self._make_upkeep()

    def _build_place(self, settings: NodeSettings, config_dir: Path) -> None:
        """Where the node keeps what it knows, and which of several hosts it is."""
        self._repositories = Repositories(settings)
        self._repositories.make_all()
        self._repositories.prepare(config_dir)
        self._auditing = Auditing(settings, self._repositories.audit)
        self._records = AssociationRecords(self._auditing.record)
        self._cluster = Cluster(
            settings, self._repositories.hosts, version=__version__, contract=contract().version
        )
        self._role = self._cluster.role
        self._sharing = Sharing(self._cluster, self._repositories, alive=self._alive)
        self._associations = self._sharing.associations
        self._review_queue = self._repositories.review_queue(on_decided=self._conclude)

    def _build_models(self, settings: NodeSettings, config_dir: Path, cards: ModelCards) -> None:
        """Who analyses, and what looks after the models."""
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
        self._tuning = FineTuningSchedule(
            config_dir,
            models=lambda: [card.name for card in self._jobs.models()],
            min_new_cases=settings.finetuning.min_new_cases,
        )

    def _build_corridor(self, settings: NodeSettings) -> None:
        """The way of a study, and what runs it and carries its results away."""
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
        self._corridor.planning.wake_with(self._dispatch.wake, self._dispatch.expect)

    def _build_reception(self, settings: NodeSettings) -> None:
        """What takes in what has arrived."""
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

    def _build_desks(self, settings: NodeSettings) -> None:
        """What people and other systems work at."""
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
        self._self_test = SelfTest(
            self._repositories,
            uploads=self._uploads,
            stages=self._workflows.stages,
            clock=utc_now,
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
        self._join_others()
        self._auditing.start()
        self._auditing.record(
            application(started=True, by=getpass.getuser(), at=utc_now(), version=__version__)
        )
        (self._work or self._workflows).start()
        try:
            if self._work:
                self._dispatch.start()
            self._listening.hand_over(measured_events(self._received, self._instruments))
            self._take_up(missed)
            if self._work and self._fetching is not None:
                self._fetching.start()
            self._upkeep.start()
            self._web.start()
            if self._role.shows:
                self._workstations.start()
            # Workers are forked from what has imported their modules after receivers were forked.
            self._listening.wait_until_ready()
            self._workers.start()
            if self._work:
                self._ahead.start()
            self._cluster.look_after(self._relief(), status=self._report.status)
        except BaseException:
            self.stop()
            raise
        _LOG.info(
            "receiving ae_title=%s port=%d web_port=%d",
            self._settings.network.ae_title,
            self.port,
            self.web_port,
        )

    def _join_others(self) -> None:
        """Give signs of life, and look again whether all have one archive: both may just start."""
        try:
            self._cluster.start()
            require_one_archive(self._settings)
        except BaseException:
            self._cluster.stop()
            self._listening.stop()
            self._repositories.close()
            self._listening.leave()
            raise

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
        self._upkeep.stop()
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

    def _make_report(self) -> SelfReport:
        running = RunningParts(
            receivers_ready=self._listening.ready,
            place_held=self._listening.is_place_held,
            unloaded_models=self._workers.unloaded,
            services_away=self._services.away,
            workers_down=self._workers.down,
            lasting_outage=self._workflows.outages.lasting,
        )
        return SelfReport(
            self._settings,
            self._repositories,
            running=running,
            cluster=self._cluster,
            others=(self._self_test.problems, self._auditing.problems),
        )

    def _make_website(self, cards: ModelCards) -> Website:
        observed = Observed(
            workers=self._workers,
            reviews=self._review_queue.counts,
            open_associations=self._associations.__len__,
            problems=self._report.problems,
            drifts=lambda: self._jobs.measured,
        )
        application = make_application(
            registry=fill_registry(self._registry, self._repositories, observed),
            observe=self._instruments.answered,
            problems=self._report.problems,
            has_started=self._workers.have_started,
            version=__version__,
            hosts=self._report.hosts,
            pages=self._make_pages(cards) if self._role.shows else None,
            machines=self._workstations.routers if self._role.shows else (),
        )
        return Website(application, self._settings.web)

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
                problems=self._report.problems,
                rooms=self._report.rooms,
                teller=self._teller,
                self_test=self._self_test,
                is_over=self._stopping.is_set,
            ),
            uploads=self._uploads,
            decoder=self._viewing,
            record=self._auditing.record,
            audit=self._auditing.trail,
        )

    def _make_upkeep(self) -> Upkeep:
        parts = UpkeepParts(
            cluster=self._cluster,
            work=self._work,
            left=self._left,
            workflows=self._workflows,
            completion=self._corridor.completion,
            desk=self._desk,
            dispatch=self._dispatch,
            review_queue=self._review_queue,
            workstations=self._workstations,
            auditing=self._auditing,
            jobs=self._jobs,
            shadows=self._shadows,
            services=self._services,
            tuning=self._tuning,
            self_test=self._self_test,
            tell=self._tell,
            renew_website=self._web.renew,
            news=tuple(each.seen for each in self._changes),
            is_over=self._stopping.is_set,
        )
        return Upkeep(self._settings, self._repositories, parts)

    def _tell(self) -> None:
        self._instruments.told(self._teller.look())

    def _conclude(self, item_id: str) -> None:
        self._workflows.conclude_now(item_id)


def _nothing(_told: object) -> None:
    """Take note of nothing."""
