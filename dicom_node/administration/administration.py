"""Everything that can be administered, in one value: what pages, API and commands are given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicom_node.administration.ae_titles import AeTitles
from dicom_node.administration.deliveries import Deliveries
from dicom_node.administration.disk import Disk
from dicom_node.administration.first_steps import FirstSteps
from dicom_node.administration.held import HeldResults
from dicom_node.administration.models import ModelVersions, Suspensions
from dicom_node.administration.notifications import Notifications
from dicom_node.administration.overview import Operations
from dicom_node.administration.people import People
from dicom_node.administration.routes import Routes
from dicom_node.administration.studies import Studies
from dicom_node.administration.uploads import UploadedStudies
from dicom_node.administration.whose import WhoseStudies
from dicom_node.domain.audit import Change
from dicom_node.domain.device import Device
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.self_test import SelfTestResult


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCalibration:
    """What decides the images of one device of an AE title; no ``version`` is the model's own."""

    device: Device
    model: str
    version: str


class Changes(Protocol):
    """Who changed what, to be read."""

    def recent(self, limit: int, *, before: int | None = None) -> tuple[tuple[int, Change], ...]:
        """Return changes with their numbers, newest first, from the one below ``before``."""


class SelfTests(Protocol):
    """The node's test of itself; there is none without a running node."""

    @property
    def last(self) -> SelfTestResult | None:
        """How the last one since the start of the node ended."""

    @property
    def is_running(self) -> bool:
        """Whether one runs now."""

    def start(self) -> None:
        """Begin one in the background.

        Raises
        ------
        ConflictError
            When one runs already.
        """


class ReadFile(Protocol):
    """Reads a DICOM file that was not received."""

    def __call__(self, path: Path, *, calling_ae: str) -> ReceivedInstance:
        """Return what the node would know of a file, had ``calling_ae`` just sent it.

        Raises
        ------
        UnreadableDatasetError
            When it cannot be read.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Administration:
    """One part for each thing that is administered."""

    operations: Operations
    studies: Studies
    whose: WhoseStudies
    held: HeldResults
    uploaded: UploadedStudies
    deliveries: Deliveries
    ae_titles: AeTitles
    people: People
    changes: Changes
    routes: Routes
    models: ModelVersions
    suspensions: Suspensions
    first_steps: FirstSteps
    notifications: Notifications
    calibrations: Callable[[str], tuple[DeviceCalibration, ...]]
    active_models: Callable[[], tuple[str, ...]]
    read_file: ReadFile
    disk: Disk
    self_test: SelfTests | None = None
