"""What reviewing needs from outside beyond the worklist's public face, as Protocols."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from dicom_node.domain.device import Device
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    Reopening,
    ReviewItem,
    Verdict,
)


class ReviewStore(Protocol):
    """Review items as the corridor makes and concludes them."""

    def add(
        self,
        item: ReviewItem,
        findings: Sequence[FindingUnderReview] = (),
        ct: tuple[CtUnderReview, bytes] | None = None,
    ) -> None:
        """Put an item on the list; it takes the place of what the same model said before.

        ``ct`` are a CT's figures and the outlines on its slices (``contours``).
        """

    def item(self, item_id: str) -> ReviewItem:
        """Return one item."""

    def of_study(self, study_instance_uid: str) -> tuple[ReviewItem, ...]:
        """Return a study's items, newest first."""

    def findings(self, item_id: str) -> tuple[FindingUnderReview, ...]:
        """Return what the model said."""

    def ct(self, item_id: str) -> CtUnderReview | None:
        """Return a CT's figures; None for what is none."""

    def readings(self, item_id: str) -> tuple[Verdict, ...]:
        """Return every verdict on an item, oldest first."""

    def history(self, item_id: str) -> tuple[Reopening, ...]:
        """Return each time that a verdict was taken back, oldest first."""

    def decide_externally(self, verdict: Verdict, report: ExternalReport) -> ReviewItem:
        """Record what another workstation's report says, and the report; it needs no claim."""

    def conclude(self, item_id: str, *, at: datetime) -> None:
        """Note that an item's verdict has become objects and a Warehouse record."""


class ExternalReportSource(Protocol):
    """Reports of other workstations that speak of the node's results."""

    def known(self, sop_instance_uid: str) -> bool:
        """Whether a report has been looked at before."""

    def keep(self, report: ExternalReport) -> None:
        """Record what came of a report."""

    def items_of(self, sop_instance_uids: Sequence[str]) -> dict[str, str]:
        """Return which of these objects are such reports, each with its item."""

    def closing(self, item_id: str) -> ExternalReport | None:
        """Return the report that closed an item, where one did."""


class OwnObjects(Protocol):
    """Which objects the node has made itself."""

    def own_objects(self, sop_instance_uids: Sequence[str]) -> dict[str, str]:
        """Return which of these objects the node made, each with its job."""

    def own_series(self, series_instance_uid: str) -> str | None:
        """Return the newest job whose reports are in this series."""


class WarehouseFiles(Protocol):
    """The Warehouse's own copies of images, by device."""

    def keep(self, device: Device, instance: ReceivedInstance) -> str:
        """File an image under its device; return where, or an empty text when it is gone."""
