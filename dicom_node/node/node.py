"""The composition root: everything is built and wired here, once."""

import functools
import getpass
import logging
import threading
from collections.abc import Collection, Sequence
from datetime import UTC, timedelta
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from prometheus_client import CollectorRegistry

from dicom_node import __version__
from dicom_node.audit.events import application
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.health import Problem
from dicom_node.instruments import Instruments
from dicom_node.models.cards import ModelCards
from dicom_node.models.services import ServiceWatch
from dicom_node.network.events import ReceptionEvent
from dicom_node.node.administering import make_administration, make_routes
from dicom_node.node.analyst import AnalystSetup
from dicom_node.node.association_records import AssociationRecords
from dicom_node.node.auditing import Auditing
from dicom_node.node.clock import utc_now
from dicom_node.node.committing import commitment_telling
from dicom_node.node.couriers import courier_parts
from dicom_node.node.device_jobs import DeviceJobs
from dicom_node.node.engine_settings import engine_settings
from dicom_node.node.fetching import fetching_of, repairing_of
from dicom_node.node.finetuning_schedule import FineTuningSchedule
from dicom_node.node.health import RunningParts, running_problems, standing_problems
from dicom_node.node.identity import evidence_context, routing_of
from dicom_node.node.isolated import Isolated, Workers
from dicom_node.node.last_resort import LastResort
from dicom_node.node.listening import Listening
from dicom_node.node.measuring import Observed, fill_registry, measured_events
from dicom_node.node.messages import Messages
from dicom_node.node.noticing import make_teller
from dicom_node.node.pages import make_pages
from dicom_node.node.part_settings import scp_settings
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.reception import ReceptionDesk
from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import Retention, retention_rule
from dicom_node.node.review import review_stages
from dicom_node.node.self_test import SelfTest
from dicom_node.node.shadows import Shadows
from dicom_node.node.uploads import NodeUploads
from dicom_node.node.viewing import Viewing
from dicom_node.node.website import Website
from dicom_node.persistence.workflow_rows import WorkflowRowStore
from dicom_node.web.application import make_application
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.infer import Inference
from dicom_node.workflow.analysis.patients import Patients
from dicom_node.workflow.analysis.receive import OpenAssociations, Reception
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.analysis.salvage import Salvage
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.analysis.watch import DeviceWatch
from dicom_node.workflow.delivery.dispatch import Dispatch
from dicom_node.workflow.delivery.plan import Planning
from dicom_node.workflow.engine import WorkflowEngine
from dicom_node.workflow.orphans import Orphans
from dicom_node.workflow.pipeline import Corridor

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
        self._auditing = Auditing(settings, self._repositories.audit)
        self._records = AssociationRecords(self._auditing.record)
        self._associations = OpenAssociations()
        self._review_queue = self._repositories.review_queue(on_decided=self._conclude)
        cards = ModelCards(config_dir, settings.models_dir)
        self._routes = make_routes(self._repositories, config_dir, cards)
        self._workers = Workers(
            AnalystSetup.of(settings, config_dir),
            tuple(sorted({route.model for route in self._routes.current().routes})),
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
            data=settings.data_dir,
            rule=retention_rule(settings),
            clock=utc_now,
        )
        self._tuning = FineTuningSchedule(
            config_dir,
            models=lambda: [card.name for card in self._jobs.models()],
            min_new_cases=settings.finetuning.min_new_cases,
        )
        self._corridor = self._make_corridor()
        self._workflows = WorkflowEngine(
            engine_settings(settings),
            self._corridor,
            WorkflowRowStore(settings.workflow_url),
            stage=self._instruments.stage,
        )
        self._orphans = Orphans(
            workflows=self._workflows,
            index=self._repositories.index,
            giving_up=self._corridor.giving_up,
        )
        self._corridor.completion.start_with(self._workflows)
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
        self._salvage = Salvage(
            index=self._repositories.index,
            completion=self._corridor.completion,
            giving_up=self._corridor.giving_up,
            workflows=self._workflows,
        )
        self._fetching = fetching_of(settings, self._repositories)
        self._desk = ReceptionDesk(
            reception=Reception(
                index=self._repositories.index,
                associations=self._associations,
                completion=self._corridor.completion,
                arrived=self._fetching.want if self._fetching else _nothing,
            ),
            associations=self._associations,
            stored=self._repositories.stored_since_last_index,
        )
        self._workstations = Workstations(
            settings, self._repositories, record=self._auditing.record
        )
        self._viewing = Viewing(settings) if settings.workers.count else None
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
                pages=make_pages(
                    settings,
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
                ),
                machines=self._workstations.routers,
            ),
            settings.web,
        )
        self._clock = BackgroundScheduler(timezone=UTC)

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
        self._repositories.evidence.open()
        # Before anything is indexed: it is the newest row that says how far back to look.
        missed = self._repositories.stored_since_last_index()
        self._listening.start()
        self._auditing.start()
        self._auditing.record(
            application(started=True, by=getpass.getuser(), at=utc_now(), version=__version__)
        )
        self._workflows.start()
        try:
            self._repositories.commitment_requests.release_all()
            self._repositories.retrievals.end_all(until=utc_now())
            self._salvage.sweep()
            self._dispatch.start()
            self._listening.hand_over(measured_events(self._received, self._instruments))
            self._desk.catch_up_with(missed)
            for study in self._repositories.index.receiving():
                self._corridor.completion.expect(study.study_instance_uid)
            if self._fetching is not None:
                self._fetching.start()
            self._schedule()
            self._web.start()
            self._workstations.start()
            self._workers.start()
            self._listening.wait_until_ready()
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
        self._self_test.stop()
        self._uploads.stop()
        self._listening.stop()
        self._workstations.stop()
        self._tuning.stop()
        self._repositories.describing.stop()
        if self._fetching is not None:
            self._fetching.stop()
        if self._clock.running:
            self._clock.shutdown()
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
        self._repositories.close()
        self._listening.leave()

    def problems(self) -> tuple[Problem, ...]:
        """Say what is wrong with the node, and what to do."""
        parts = RunningParts(
            receivers_ready=self._listening.ready,
            place_held=self._listening.is_place_held,
            unloaded_models=self._workers.unloaded,
            services_away=self._services.away,
            workers_down=self._workers.down,
            lasting_outage=self._workflows.outages.lasting,
        )
        return (
            *running_problems(parts),
            *self._self_test.problems(),
            *standing_problems(self._settings, self._repositories),
            *self._auditing.problems(),
        )

    def _received(self, told: Sequence[ReceptionEvent]) -> None:
        self._desk.handle(told)
        self._records.handle(told)

    def _make_corridor(self) -> Corridor:
        settings, repositories = self._settings, self._repositories
        context = functools.partial(evidence_context, settings)
        return Corridor(
            completion=Completion(
                index=repositories.index,
                results=repositories.hotbase,
                ae_titles=repositories.ae_titles,
                is_carried=self._associations.carries,
                patience=settings.workflow.association_patience,
                clock=utc_now,
                announced=repositories.announcements.announced,
            ),
            routing=Routing(
                routes=self._routes.in_use,
                index=repositories.index,
                results=repositories.hotbase,
                ae_titles=repositories.ae_titles,
                patients=Patients(
                    decisions=repositories.patient_decisions, results=repositories.hotbase
                ),
                models=self._models,
                clock=utc_now,
                identity=routing_of(settings),
                tells_unrouted=settings.evidence.report_unrouted,
            ),
            inference=Inference(
                index=repositories.index,
                results=repositories.hotbase,
                models=self._models,
                watch=DeviceWatch(repositories.observations),
                clock=utc_now,
                archive=settings.retrieval.archive,
                announced=repositories.announcements.announced,
            ),
            reporting=Reporting(
                index=repositories.index,
                results=repositories.hotbase,
                deliveries=repositories.deliveries,
                substitutes=repositories.substitutes,
                external=repositories.external,
                ae_titles=repositories.ae_titles,
                maker=self._models,
                last_resort=LastResort(repositories.summaries),
                context=context,
                clock=utc_now,
            ),
            planning=Planning(
                results=repositories.hotbase, ledger=repositories.deliveries, clock=utc_now
            ),
            review=review_stages(repositories, self._review_queue, self._routes.in_use, context),
            slots=Slots(settings.workflow.parallel_studies),
        )

    def _schedule(self) -> None:
        interval = self._settings.workflow.sweep_interval
        self._clock.add_job(self._sweep, "interval", seconds=interval, max_instances=1)
        # At once, and whenever something is indexed without its attributes.
        self._clock.add_job(
            self._repositories.describing.run,
            "interval",
            seconds=interval,
            max_instances=1,
            coalesce=True,
            next_run_time=utc_now(),
        )
        self._clock.add_job(self._telling.sweep, "interval", seconds=interval, max_instances=1)
        self._clock.add_job(self._messages.sweep, "interval", seconds=interval, max_instances=1)
        self._clock.add_job(self._shadows.run, "interval", seconds=interval, max_instances=1)
        self._clock.add_job(
            self._services.look,
            "interval",
            seconds=_LOOK_AT_SERVICES,
            max_instances=1,
            coalesce=True,
            next_run_time=utc_now(),
        )
        self._clock.add_job(self._collect, "interval", hours=1)
        self._clock.add_job(self._web.renew, "interval", minutes=1)
        self._clock.add_job(
            self._tell,
            "interval",
            seconds=self._settings.notifications.interval,
            max_instances=1,
            coalesce=True,
        )
        if self._settings.retrieval.archive:
            repairing = repairing_of(self._settings, self._repositories, self._corridor.completion)
            self._clock.add_job(repairing.sweep, "interval", seconds=interval, max_instances=1)
        care = self._settings
        for schedule, job in (
            (care.calibration.schedule, self._jobs.calibrate_all),
            (care.drift.schedule, self._jobs.watch_all),
            (care.finetuning.schedule, self._tuning.run),
            (care.retention.schedule, self._retention.run),
            (care.self_test.schedule, self._self_test.run),
        ):
            if schedule:
                trigger = CronTrigger.from_crontab(schedule, timezone=UTC)
                self._clock.add_job(job, trigger, max_instances=1, coalesce=True)
        self._clock.start()

    def _sweep(self) -> None:
        for part in (
            self._desk.catch_up,
            self._orphans.sweep,
            self._salvage.sweep,
            self._dispatch.sweep,
            self._corridor.completion.sweep,
            self._workstations.sweep,
            self._conclude_decided,
            self._auditing.take_changes,
        ):
            try:
                part()
            except Exception:  # noqa: BLE001  # what is away for one part must not stop the others
                _LOG.exception("a part of the sweep broke off; the next sweep does it again")

    def _tell(self) -> None:
        self._instruments.told(self._teller.look())

    def _conclude_decided(self) -> None:
        # Also what the command line has decided. A new attempt each minute, should one fail.
        minute = int(utc_now().timestamp() // 60)
        for item_id in self._review_queue.unconcluded(utc_now() - _UNTOLD_AFTER):
            self._workflows.conclude_now(item_id, attempt=minute)

    def _collect(self) -> None:
        self._workflows.collect()
        self._repositories.hotbase.forget_predictions(utc_now() - _KEEP_PREDICTIONS)
        kept = timedelta(seconds=self._settings.workflow.keep_workflows)
        self._repositories.commitment_requests.collect(utc_now() - kept)
        self._repositories.commitments.collect(utc_now() - kept)
        self._repositories.announcements.collect(utc_now() - kept)
        self._repositories.messages.collect(utc_now() - kept)

    def _conclude(self, item_id: str) -> None:
        self._workflows.conclude_now(item_id)


def _nothing(_studies: Collection[str]) -> None:
    """Tell nobody that studies arrived."""
