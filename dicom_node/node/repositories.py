"""The databases and archives of a node, for the node itself and for the command line."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path, PurePath

import sqlalchemy as sa

from dicom_node.archive.reading import iter_objects
from dicom_node.archive.warehouse_files import DeviceFolders
from dicom_node.configuration.files import load_ae_titles
from dicom_node.configuration.private_folder import make_private
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.node.archives import archives_of
from dicom_node.node.clock import utc_now
from dicom_node.node.describing import Describing, NodeSearch
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.audit import AuditStore
from dicom_node.persistence.corridor.announcements import AnnouncementStore
from dicom_node.persistence.corridor.attempts import AttemptTable
from dicom_node.persistence.corridor.attributes import AttributeStore
from dicom_node.persistence.corridor.commitment_requests import CommitmentRequestStore
from dicom_node.persistence.corridor.commitments import CommitmentStore
from dicom_node.persistence.corridor.conflicts import ConflictStore
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.messages import MessageStore
from dicom_node.persistence.corridor.orders import ImagingOrderStore
from dicom_node.persistence.corridor.patient_decisions import PatientDecisionStore
from dicom_node.persistence.corridor.priors import PriorStore
from dicom_node.persistence.corridor.proofs import ProofStore
from dicom_node.persistence.corridor.retention import RetentionStore
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.persistence.corridor.standing import StandingStore
from dicom_node.persistence.corridor.subjects import SubjectStore
from dicom_node.persistence.corridor.substitutes import SubstituteStore
from dicom_node.persistence.corridor.traffic import TrafficStore
from dicom_node.persistence.corridor.waiting import WaitingRows
from dicom_node.persistence.corridor.wanted import WantedStore
from dicom_node.persistence.database import (
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
    schema_revision,
)
from dicom_node.persistence.devices.calibrations import CalibrationStore
from dicom_node.persistence.devices.observations import ObservationStore
from dicom_node.persistence.devices.shadows import ShadowStore
from dicom_node.persistence.hosts import HostStore
from dicom_node.persistence.machine_tokens import MachineTokenStore
from dicom_node.persistence.review.external_reports import ExternalReportStore
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.persistence.review.reopening import ReopeningStore
from dicom_node.persistence.routes import RouteStore
from dicom_node.persistence.sessions import SessionStore
from dicom_node.persistence.told import FindingSearch, ToldStore
from dicom_node.persistence.ups.subscriptions import HotbaseSubscriptions
from dicom_node.persistence.ups.taken import TakenStore
from dicom_node.persistence.users import UserStore
from dicom_node.persistence.warehouse.held_out import HeldOutStore
from dicom_node.persistence.warehouse.warehouse import WarehouseStore
from dicom_node.workflow.review.withdraw import Withdrawing

_LOG = logging.getLogger(__name__)


class Repositories:
    """The databases and archives of a node; the command line uses them without a running node."""

    def __init__(self, settings: NodeSettings) -> None:
        self.settings = settings
        self.engine = make_engine(settings.hotbase_url)
        self.ae_titles = AeTitleStore(self.engine)
        self.users = UserStore(self.engine)
        self.tokens = MachineTokenStore(self.engine)
        self.sessions = SessionStore(self.engine)
        self.audit = AuditStore(self.engine)
        self.routes = RouteStore(self.engine)
        self.hosts = HostStore(self.engine)
        self.told = ToldStore(self.engine)
        self.urgent = FindingSearch(self.engine)
        self.index = StudyIndex(self.engine)
        self.conflicts = ConflictStore(self.engine)
        self.retrievals = RetrievalStore(self.engine)
        self.priors = PriorStore(self.engine)
        self.hotbase = Hotbase(self.engine)
        self.deliveries = DeliveryStore(self.engine)
        self.commitment_requests = CommitmentRequestStore(self.engine)
        self.proofs = ProofStore(self.engine)
        self.commitments = CommitmentStore(self.engine)
        self.messages = MessageStore(self.engine)
        self.subscriptions = HotbaseSubscriptions(self.engine)
        self.taken = TakenStore(self.engine)
        self.wanted = WantedStore(self.engine)
        self.announcements = AnnouncementStore(self.engine)
        self.attempts = AttemptTable(self.engine)
        self.patient_decisions = PatientDecisionStore(self.engine)
        self.standing = StandingStore(self.engine)
        self.waiting = WaitingRows(self.engine)
        self.traffic = TrafficStore(self.engine)
        self.subjects = SubjectStore(self.engine)
        self.substitutes = SubstituteStore(self.engine)
        self.retention = RetentionStore(
            self.engine, folder=settings.archive_dir.name, results=settings.evidence_dir.name
        )
        self.calibrations = CalibrationStore(self.engine)
        self.observations = ObservationStore(self.engine)
        self.shadows = ShadowStore(self.engine)
        self.orders = ImagingOrderStore(self.engine)
        archives = archives_of(settings, clock=utc_now, amended=self.orders.amended)
        self.received, self.evidence = archives.received, archives.evidence
        self.objects, self.summaries = archives.objects, archives.summaries
        self.describing = Describing(
            AttributeStore(self.engine), received=self.received, evidence=self.evidence
        )
        self.search = NodeSearch(ObjectSearch(self.engine), self.describing)
        self.external = ExternalReportStore(self.engine)
        self.warehouse_engine = make_engine(settings.warehouse_url)
        self.warehouse = WarehouseStore(self.warehouse_engine)
        self.held_out = HeldOutStore(self.warehouse_engine)

    @property
    def warehouse_files(self) -> DeviceFolders:
        """The validated images."""
        return DeviceFolders(self.settings.warehouse_dir, self.objects.source_path)

    def review_queue(
        self, on_decided: Callable[[str], None] = lambda _item_id: None
    ) -> HotbaseReviewQueue:
        """Return the worklist; ``on_decided`` is told of each item that is decided through it."""
        return HotbaseReviewQueue(
            self.engine,
            images=self.item_instances,
            clock=utc_now,
            lease=timedelta(seconds=self.settings.review.claim_seconds),
            on_decided=on_decided,
            on_reopened=self._withdraw_at_once,
        )

    def withdraw_reopened(self) -> None:
        """Let the Warehouse learn no more from verdicts that were taken back."""
        Withdrawing(ReopeningStore(self.engine), self.warehouse).sweep()

    def _withdraw_at_once(self) -> None:
        """Withdraw now, or by the next sweep: the verdict has been taken back by then."""
        try:
            self.withdraw_reopened()
        except sa.exc.SQLAlchemyError as error:
            _LOG.warning("withdrawn later reason=%s", type(error).__name__)

    def item_instances(self, item_id: str) -> tuple[ReceivedInstance, ...]:
        """Return the instances that a review item, which is a job's, is about."""
        study, wanted = self.hotbase.job_instances(item_id)
        names = frozenset(wanted)
        return tuple(each for each in self.index.instances(study) if each.sop_instance_uid in names)

    def open_evidence(self) -> None:
        """Make the folders of results; not where their disk is missing, which has some by Hotbase.

        Raises
        ------
        NodeError
            The folders cannot be made, or were made before and are not there.
        """
        if self.hotbase.has_evidence():
            self.evidence.require_content()
        self.evidence.open()

    def close(self) -> None:
        """Close the databases."""
        self.engine.dispose()
        self.warehouse_engine.dispose()

    def migrate(self) -> None:
        """Bring the schemas of both databases up to date; doing it again changes nothing."""
        migrate(self.engine)
        migrate(self.warehouse_engine, WAREHOUSE_MIGRATIONS)

    def schemas_are_current(self) -> bool:
        """Whether both databases have the newest schema that this version knows."""
        hotbase = schema_revision(self.engine)
        warehouse = schema_revision(self.warehouse_engine, WAREHOUSE_MIGRATIONS)
        return all(current == newest for current, newest in (hotbase, warehouse))

    def prepare(self, config_dir: Path) -> None:
        """Close the data folder to others, migrate, and fill an empty table of AE titles."""
        if make_private(self.settings.data_dir):
            _LOG.warning("data folder was open to others path=%s", self.settings.data_dir)
        self.migrate()
        added = self.ae_titles.fill_if_empty(load_ae_titles(config_dir), at=utc_now())
        if added:
            _LOG.info("AE titles taken from %s count=%d", config_dir / "ae_titles.toml", added)

    def stored_paths(self) -> Iterator[PurePath]:
        """Yield the files that rows name, relative to the folder that hosts share."""
        for root, paths in (
            (self.received.root, self.index.paths()),
            (self.evidence.root, self.hotbase.evidence_paths()),
            (self.settings.warehouse_dir, self.warehouse.paths()),
        ):
            folder = root.relative_to(self.settings.common_dir)
            for path in paths:
                yield folder / path

    def stored_since_last_index(self) -> Iterator[ReceivedInstance]:
        """Return the archive's objects that may be missing in the index as it is now."""
        newest = self.index.newest()
        # A day back: folders are named by the day of reception, and clocks may be set.
        return iter_objects(self.received, newest.date() - timedelta(days=1) if newest else None)
