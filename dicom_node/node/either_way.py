"""Destinations by DIMSE or by DICOMweb, as their entries say: one sender for the couriers."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.commitment import CommitmentRequest
from dicom_node.workflow.delivery.ports import Line, Prover, Sender
from dicom_node.workflow.ports import Acceptance


class EitherSender:
    """Sends by C-STORE or by STOW-RS."""

    def __init__(self, *, dimse: Sender, web: Sender) -> None:
        self._dimse = dimse
        self._web = web

    def verify(self, destination: ApplicationEntity) -> None:
        """Probe a destination: see ``Sender``."""
        self._way(destination).verify(destination)

    def connect(
        self, destination: ApplicationEntity, paths: Sequence[str]
    ) -> AbstractContextManager[Line]:
        """Open what objects are sent over: see ``Sender``."""
        return self._way(destination).connect(destination, paths)

    def _way(self, destination: ApplicationEntity) -> Sender:
        return self._web if destination.url else self._dimse


class EitherAcceptance:
    """Knows what destinations take: negotiated, or as they have refused it."""

    def __init__(self, *, dimse: Acceptance, web: Acceptance) -> None:
        self._dimse = dimse
        self._web = web

    def accepted(
        self, destination: ApplicationEntity, sop_classes: Sequence[str]
    ) -> frozenset[str]:
        """Return which of these SOP Classes a destination takes: see ``Acceptance``."""
        return self._way(destination).accepted(destination, sop_classes)

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Take note of classes that it does not take: see ``Acceptance``."""
        return self._way(destination).learn(destination, refused)

    def _way(self, destination: ApplicationEntity) -> Acceptance:
        return self._web if destination.url else self._dimse


class EitherProver:
    """Asks by storage commitment and C-FIND, or by QIDO-RS."""

    def __init__(self, *, dimse: Prover, web: Prover) -> None:
        self._dimse = dimse
        self._web = web

    def ask(
        self,
        destination: ApplicationEntity,
        requests: Sequence[CommitmentRequest],
        asked: Callable[[CommitmentRequest], None],
    ) -> None:
        """Ask for commitment: see ``Prover``."""
        self._way(destination).ask(destination, requests, asked)

    def found(
        self, destination: ApplicationEntity, study: str, series: Sequence[str]
    ) -> frozenset[str]:
        """Return what a destination finds: see ``Prover``."""
        return self._way(destination).found(destination, study, series)

    def _way(self, destination: ApplicationEntity) -> Prover:
        return self._web if destination.url else self._dimse
