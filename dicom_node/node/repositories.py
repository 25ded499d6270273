"""The databases and archives of a node, for the node itself and for the command line."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import sqlalchemy as sa

from dicom_node.node.clock import utc_now
from dicom_node.node.late import Late, late_store, make_all
from dicom_node.persistence.database import (
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
    schema_revision,
)

if TYPE_CHECKING:
    from dicom_node.archive.objects import DicomObjects, SummarisedObjects
    from dicom_node.archive.storage import StorageArchive
    from dicom_node.archive.warehouse_files import DeviceFolders
    from dicom_node.configuration.settings import NodeSettings
    from dicom_node.domain.instance import ReceivedInstance
    from dicom_node.node.archives import Archives
    from dicom_node.node.describing import Describing, NodeSearch
    from dicom_node.persistence.ae_titles import AeTitleStore
    from dicom_node.persistence.audit import AuditStore
    from dicom_node.persistence.corridor.announcements import AnnouncementStore
    from dicom_node.persistence.corridor.attempts import AttemptTable
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
    from dicom_node.persistence.corridor.standing import StandingStore
    from dicom_node.persistence.corridor.study_standings import StudyStandings
    from dicom_node.persistence.corridor.subjects import SubjectStore
    from dicom_node.persistence.corridor.substitutes import SubstituteStore
    from dicom_node.persistence.corridor.traffic import TrafficStore
    from dicom_node.persistence.corridor.waiting import WaitingRows
    from dicom_node.persistence.corridor.wanted import WantedStore
    from dicom_node.persistence.devices.calibrations import CalibrationStore
    from dicom_node.persistence.devices.observations import ObservationStore
    from dicom_node.persistence.devices.shadows import ShadowStore
    from dicom_node.persistence.hosts import HostStore
    from dicom_node.persistence.machine_tokens import MachineTokenStore
    from dicom_node.persistence.review.external_reports import ExternalReportStore
    from dicom_node.persistence.review.queue import HotbaseReviewQueue
    from dicom_node.persistence.routes import RouteStore
    from dicom_node.persistence.sessions import SessionStore
    from dicom_node.persistence.told import FindingSearch, ToldStore
    from dicom_node.persistence.ups.subscriptions import HotbaseSubscriptions
    from dicom_node.persistence.ups.taken import TakenStore
    from dicom_node.persistence.users import UserStore
    from dicom_node.persistence.warehouse.held_out import HeldOutStore
    from dicom_node.persistence.warehouse.warehouse import WarehouseStore

_LOG = logging.getLogger(__name__)


class Repositories:
    """The databases and archives of a node; the command line uses them without a running node.

    Each is imported and made when it is asked for: most commands need few of them.
    """

    def __init__(self, settings: "NodeSettings") -> None:
        self.settings = settings
        self.engine = make_engine(settings.hotbase_url)
        self.warehouse_engine = make_engine(settings.warehouse_url)

    ae_titles: "Late[AeTitleStore]" = late_store("dicom_node.persistence.ae_titles:AeTitleStore")
    users: "Late[UserStore]" = late_store("dicom_node.persistence.users:UserStore")
    tokens: "Late[MachineTokenStore]" = late_store(
        "dicom_node.persistence.machine_tokens:MachineTokenStore"
    )
    sessions: "Late[SessionStore]" = late_store("dicom_node.persistence.sessions:SessionStore")
    audit: "Late[AuditStore]" = late_store("dicom_node.persistence.audit:AuditStore")
    routes: "Late[RouteStore]" = late_store("dicom_node.persistence.routes:RouteStore")
    hosts: "Late[HostStore]" = late_store("dicom_node.persistence.hosts:HostStore")
    told: "Late[ToldStore]" = late_store("dicom_node.persistence.told:ToldStore")
    urgent: "Late[FindingSearch]" = late_store("dicom_node.persistence.told:FindingSearch")
    studies: "Late[StudyStandings]" = late_store(
        "dicom_node.persistence.corridor.study_standings:StudyStandings"
    )
    index: "Late[StudyIndex]" = late_store("dicom_node.persistence.corridor.index:StudyIndex")
    conflicts: "Late[ConflictStore]" = late_store(
        "dicom_node.persistence.corridor.conflicts:ConflictStore"
    )
    retrievals: "Late[RetrievalStore]" = late_store(
        "dicom_node.persistence.corridor.retrievals:RetrievalStore"
    )
    priors: "Late[PriorStore]" = late_store("dicom_node.persistence.corridor.priors:PriorStore")
    hotbase: "Late[Hotbase]" = late_store("dicom_node.persistence.corridor.hotbase:Hotbase")
    deliveries: "Late[DeliveryStore]" = late_store(
        "dicom_node.persistence.corridor.deliveries:DeliveryStore"
    )
    commitment_requests: "Late[CommitmentRequestStore]" = late_store(
        "dicom_node.persistence.corridor.commitment_requests:CommitmentRequestStore"
    )
    proofs: "Late[ProofStore]" = late_store("dicom_node.persistence.corridor.proofs:ProofStore")
    commitments: "Late[CommitmentStore]" = late_store(
        "dicom_node.persistence.corridor.commitments:CommitmentStore"
    )
    messages: "Late[MessageStore]" = late_store(
        "dicom_node.persistence.corridor.messages:MessageStore"
    )
    subscriptions: "Late[HotbaseSubscriptions]" = late_store(
        "dicom_node.persistence.ups.subscriptions:HotbaseSubscriptions"
    )
    taken: "Late[TakenStore]" = late_store("dicom_node.persistence.ups.taken:TakenStore")
    wanted: "Late[WantedStore]" = late_store("dicom_node.persistence.corridor.wanted:WantedStore")
    announcements: "Late[AnnouncementStore]" = late_store(
        "dicom_node.persistence.corridor.announcements:AnnouncementStore"
    )
    attempts: "Late[AttemptTable]" = late_store(
        "dicom_node.persistence.corridor.attempts:AttemptTable"
    )
    patient_decisions: "Late[PatientDecisionStore]" = late_store(
        "dicom_node.persistence.corridor.patient_decisions:PatientDecisionStore"
    )
    standing: "Late[StandingStore]" = late_store(
        "dicom_node.persistence.corridor.standing:StandingStore"
    )
    waiting: "Late[WaitingRows]" = late_store("dicom_node.persistence.corridor.waiting:WaitingRows")
    traffic: "Late[TrafficStore]" = late_store(
        "dicom_node.persistence.corridor.traffic:TrafficStore"
    )
    subjects: "Late[SubjectStore]" = late_store(
        "dicom_node.persistence.corridor.subjects:SubjectStore"
    )
    substitutes: "Late[SubstituteStore]" = late_store(
        "dicom_node.persistence.corridor.substitutes:SubstituteStore"
    )
    calibrations: "Late[CalibrationStore]" = late_store(
        "dicom_node.persistence.devices.calibrations:CalibrationStore"
    )
    observations: "Late[ObservationStore]" = late_store(
        "dicom_node.persistence.devices.observations:ObservationStore"
    )
    shadows: "Late[ShadowStore]" = late_store("dicom_node.persistence.devices.shadows:ShadowStore")
    orders: "Late[ImagingOrderStore]" = late_store(
        "dicom_node.persistence.corridor.orders:ImagingOrderStore"
    )
    external: "Late[ExternalReportStore]" = late_store(
        "dicom_node.persistence.review.external_reports:ExternalReportStore"
    )
    warehouse: "Late[WarehouseStore]" = late_store(
        "dicom_node.persistence.warehouse.warehouse:WarehouseStore", "warehouse_engine"
    )
    held_out: "Late[HeldOutStore]" = late_store(
        "dicom_node.persistence.warehouse.held_out:HeldOutStore", "warehouse_engine"
    )

    @Late
    def retention(self) -> "RetentionStore":
        """What may go from the disk."""
        from dicom_node.persistence.corridor.retention import RetentionStore  # noqa: PLC0415

        return RetentionStore(
            self.engine,
            folder=self.settings.archive_dir.name,
            results=self.settings.evidence_dir.name,
        )

    @Late
    def archives(self) -> "Archives":
        """The files of received objects and of results."""
        from dicom_node.node.archives import archives_of  # noqa: PLC0415

        return archives_of(self.settings, clock=utc_now, amended=self.orders.amended)

    @Late
    def describing(self) -> "Describing":
        """What reads the attributes of objects that queries ask for."""
        from dicom_node.node.describing import Describing  # noqa: PLC0415
        from dicom_node.persistence.corridor.attributes import AttributeStore  # noqa: PLC0415

        return Describing(
            AttributeStore(self.engine), received=self.received, evidence=self.evidence
        )

    @Late
    def search(self) -> "NodeSearch":
        """What answers queries for objects."""
        from dicom_node.node.describing import NodeSearch  # noqa: PLC0415
        from dicom_node.persistence.corridor.search import ObjectSearch  # noqa: PLC0415

        return NodeSearch(ObjectSearch(self.engine), self.describing)

    @property
    def received(self) -> "StorageArchive":
        """The files of received objects."""
        return self.archives.received

    @property
    def evidence(self) -> "StorageArchive":
        """The files of results."""
        return self.archives.evidence

    @property
    def objects(self) -> "DicomObjects":
        """Received objects and results, read and written."""
        return self.archives.objects

    @property
    def summaries(self) -> "SummarisedObjects":
        """Received objects, read without their pixels."""
        return self.archives.summaries

    @property
    def warehouse_files(self) -> "DeviceFolders":
        """The validated images."""
        from dicom_node.archive.warehouse_files import DeviceFolders  # noqa: PLC0415

        return DeviceFolders(self.settings.warehouse_dir, self.objects.source_path)

    def review_queue(
        self, on_decided: Callable[[str], None] = lambda _item_id: None
    ) -> "HotbaseReviewQueue":
        """Return the worklist; ``on_decided`` is told of each item that is decided through it."""
        from dicom_node.persistence.review.queue import HotbaseReviewQueue  # noqa: PLC0415

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
        from dicom_node.persistence.review.reopening import ReopeningStore  # noqa: PLC0415
        from dicom_node.workflow.review.withdraw import Withdrawing  # noqa: PLC0415

        Withdrawing(ReopeningStore(self.engine), self.warehouse).sweep()

    def _withdraw_at_once(self) -> None:
        """Withdraw now, or by the next sweep: the verdict has been taken back by then."""
        try:
            self.withdraw_reopened()
        except sa.exc.SQLAlchemyError as error:
            _LOG.warning("withdrawn later reason=%s", type(error).__name__)

    def item_instances(self, item_id: str) -> tuple["ReceivedInstance", ...]:
        """Return the instances that a review item, which is a job's, is about."""
        study, wanted = self.hotbase.job_instances(item_id)
        names = frozenset(wanted)
        return tuple(each for each in self.index.instances(study) if each.sop_instance_uid in names)

    def make_all(self) -> None:
        """Make all that is made when it is asked for: whoever serves for long begins so."""
        make_all(self)

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
        from dicom_node.configuration.files import load_ae_titles  # noqa: PLC0415
        from dicom_node.configuration.private_folder import make_private  # noqa: PLC0415

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

    def stored_since_last_index(self) -> Iterator["ReceivedInstance"]:
        """Return the archive's objects that may be missing in the index as it is now."""
        from dicom_node.archive.reading import iter_objects  # noqa: PLC0415

        newest = self.index.newest()
        # A day back: folders are named by the day of reception, and clocks may be set.
        return iter_objects(self.received, newest.date() - timedelta(days=1) if newest else None)
