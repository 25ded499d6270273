"""Asks DICOMweb servers what they find of what they took (QIDO-RS), as the couriers see it."""

from collections.abc import Callable, Sequence

from dicom_node.dicomweb.peer import WebPeer, WebPeerError, WebTimeouts
from dicom_node.dicomweb.peer import connected as connected_to
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.commitment import CommitmentRequest
from dicom_node.errors import ConfigurationError
from dicom_node.workflow.delivery.ports import DestinationAwayError

_SOP_INSTANCE_UID = "00080018"


class QidoProver:
    """A QIDO-RS user agent."""

    def __init__(
        self, *, timeouts: WebTimeouts, address: Callable[[ApplicationEntity], WebPeer]
    ) -> None:
        self._timeouts = timeouts
        self._address = address

    def ask(
        self,
        destination: ApplicationEntity,
        requests: Sequence[CommitmentRequest],
        asked: Callable[[CommitmentRequest], None],
    ) -> None:
        """Say that there is no asking: storage commitment goes over associations.

        Raises
        ------
        DestinationAwayError
            Always.
        """
        del requests, asked
        raise DestinationAwayError(f"{destination.title} is asked by searching: set --proof find")

    def found(
        self, destination: ApplicationEntity, study: str, series: Sequence[str]
    ) -> frozenset[str]:
        """Return the SOP Instance UIDs that a server finds in some series of a study.

        Raises
        ------
        DestinationAwayError
            It cannot be asked, or does not answer.
        """
        try:
            with connected_to(self._address(destination), self._timeouts) as connection:
                matches = [
                    match
                    for each in series
                    for match in connection.search(f"/studies/{study}/series/{each}/instances", {})
                ]
        except (ConfigurationError, WebPeerError) as error:
            raise DestinationAwayError(str(error)) from error
        return frozenset(
            str(uid) for each in matches for uid in each.get(_SOP_INSTANCE_UID, {}).get("Value", ())
        )
