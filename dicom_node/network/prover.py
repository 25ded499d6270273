"""Asks destinations whether they keep what they took, in the words of the corridor."""

from collections.abc import Callable, Sequence

from pydicom.uid import generate_uid

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.commitment import CommitmentAnswers, CommitmentRequest
from dicom_node.errors import ConfigurationError
from dicom_node.network.associations import Destination, ScuTimeouts
from dicom_node.network.commitment_scu import CommitmentScu
from dicom_node.network.errors import AssociationError
from dicom_node.network.retrieve_scu import listed_instances
from dicom_node.workflow.delivery.ports import DestinationAwayError

# For a result over the association that asked: most peers open another one.
LINGER_SECONDS = 0.25


def new_uid() -> str:
    """Return a UID that nobody can guess (PS3.5 Section B.2)."""
    return str(generate_uid(prefix=None))


class PeerProver:
    """A user of storage commitment and queries, with this node's AE title."""

    def __init__(
        self,
        *,
        ae_title: str,
        timeouts: ScuTimeouts,
        address: Callable[[ApplicationEntity], Destination],
        answers: CommitmentAnswers,
        linger: float = LINGER_SECONDS,
    ) -> None:
        self._ae_title = ae_title
        self._timeouts = timeouts
        self._address = address
        self._answers = answers
        self._linger = linger

    def ask(
        self,
        destination: ApplicationEntity,
        requests: Sequence[CommitmentRequest],
        asked: Callable[[CommitmentRequest], None],
    ) -> None:
        """Ask for commitment; ``asked`` is told of each request before it is made.

        Raises
        ------
        DestinationAwayError
            It cannot be asked, or refused a request; those after it were not made.
        """
        scu = CommitmentScu(calling_ae=self._ae_title, timeouts=self._timeouts)
        try:
            scu.ask(
                self._address(destination),
                requests,
                answers=self._answers,
                asked=asked,
                linger=self._linger,
            )
        except (ConfigurationError, AssociationError) as error:
            raise DestinationAwayError(str(error)) from error

    def found(
        self, destination: ApplicationEntity, study: str, series: Sequence[str]
    ) -> frozenset[str]:
        """Return the SOP Instance UIDs that a destination finds in some series of a study.

        Raises
        ------
        DestinationAwayError
            It cannot be asked, or does not answer.
        """
        try:
            instances = listed_instances(
                self._address(destination),
                study,
                series,
                calling_ae=self._ae_title,
                timeouts=self._timeouts,
            )
        except (ConfigurationError, AssociationError) as error:
            raise DestinationAwayError(str(error)) from error
        return frozenset(each.sop_instance_uid for each in instances)
