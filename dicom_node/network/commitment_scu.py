"""Storage commitment over associations that the node opens (PS3.4 Sections J.3.2 and J.3.3)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.events import Event

from dicom_node.domain.commitment import (
    CommitmentAnswers,
    CommitmentRequest,
    CommitmentResult,
    UnknownTransactionError,
)
from dicom_node.network.associations import Destination, ScuTimeouts, open_association, serving
from dicom_node.network.commitment_data import (
    PUSH_MODEL,
    PUSH_MODEL_INSTANCE,
    REQUEST_COMMITMENT,
    read_result,
    written_request,
    written_result,
)
from dicom_node.network.errors import (
    AssociationAbortedError,
    AssociationError,
    UnusableCommitmentError,
)
from dicom_node.network.status import INVALID_ARGUMENT, PROCESSING_FAILURE, SUCCESS

_PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_TICK_SECONDS = 0.02


class CommitmentRefusedError(AssociationError):
    """The peer answered a message of storage commitment with a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitmentScu:
    """Asks destinations, and tells requestors, as this node's AE title."""

    calling_ae: str
    timeouts: ScuTimeouts

    def tell(self, requestor: Destination, result: Callable[[], CommitmentResult]) -> int:
        """Tell a requestor the result of its request; return how many instances have none.

        ``result`` is called once the requestor has accepted: what is checked must not be checked
        for a requestor that is away.

        Raises
        ------
        AssociationError
            It cannot be reached, does not let the node in, or does not take the result.
        """
        found: CommitmentResult | None = None
        for _ in range(2):  # it may have lost patience while everything was read
            roles = [build_role(PUSH_MODEL, scp_role=True)]
            with self._opened(requestor, roles=roles) as association:
                found = found or result()
                if association.is_established:
                    _report(association, requestor, found)
                    return len(found.failed)
        raise AssociationAbortedError(f"{requestor.ae_title} does not wait for the result")

    def ask(
        self,
        destination: Destination,
        requests: Sequence[CommitmentRequest],
        *,
        answers: CommitmentAnswers,
        asked: Callable[[CommitmentRequest], None],
        linger: float,
    ) -> None:
        """Ask a destination to commit to instances; its results come when it likes.

        ``asked`` is told of each request before it is made, since the result may overtake the
        answer. What comes within ``linger`` seconds over the same association is taken here.

        Raises
        ------
        AssociationError
            It cannot be reached, does not offer this, or refused a request.
        """
        taking = _Taking(answers)
        handlers = [(evt.EVT_N_EVENT_REPORT, taking.take)]
        with self._opened(destination, handlers=handlers) as association:
            for number, request in enumerate(requests, start=1):
                asked(request)
                status, _ = association.send_n_action(
                    written_request(request),
                    REQUEST_COMMITMENT,
                    PUSH_MODEL,
                    PUSH_MODEL_INSTANCE,
                    msg_id=number % 0xFFFF or 1,
                )
                _check(status.get("Status"), destination)
            _linger(association, taking, len(requests), linger)

    def _opened(self, peer: Destination, **options: Any) -> "_Opened":
        return _Opened(peer, self, options)


class _Opened:
    """An association for storage commitment, as a context manager."""

    def __init__(self, peer: Destination, scu: CommitmentScu, options: dict[str, Any]) -> None:
        self._peer = peer
        self._opening = open_association(
            peer,
            [build_context(PUSH_MODEL, _PLAIN)],
            scu.calling_ae,
            scu.timeouts,
            **options,
        )

    def __enter__(self) -> Association:
        association = self._opening.__enter__()
        if not association.is_established:
            self._opening.__exit__(None, None, None)
            raise AssociationError(f"{self._peer.ae_title} does not offer storage commitment")
        return association

    def __exit__(self, *error: Any) -> None:
        self._opening.__exit__(*error)


class _Taking:
    """Takes results that come over the association that asked for them."""

    def __init__(self, answers: CommitmentAnswers) -> None:
        self._answers = answers
        self.count = 0

    def take(self, event: Event) -> tuple[int, None]:
        """Make a result durable; statuses as in ``commitment_scp``."""
        request = cast("Any", event.request)
        try:
            result = read_result(request.EventInformation, UID(event.context.transfer_syntax))
            self._answers.answer(result, at=datetime.now(UTC))
        except UnusableCommitmentError as error:
            return error.status, None
        except UnknownTransactionError:
            return INVALID_ARGUMENT, None
        except Exception:  # noqa: BLE001  # a peer is answered whatever went wrong
            return PROCESSING_FAILURE, None
        self.count += 1
        return SUCCESS, None


def _report(association: Association, requestor: Destination, result: CommitmentResult) -> None:
    event_type, information = written_result(result)
    status, _ = association.send_n_event_report(
        information, event_type, PUSH_MODEL, PUSH_MODEL_INSTANCE
    )
    _check(status.get("Status"), requestor)


def _check(status: int | None, peer: Destination) -> None:
    if status is None:
        raise AssociationAbortedError(f"{peer.ae_title} did not answer")
    if status != SUCCESS:
        raise CommitmentRefusedError(f"{peer.ae_title} answered 0x{status:04X}")


def _linger(association: Association, taking: _Taking, count: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with serving(association):
        while association.is_established and taking.count < count and time.monotonic() < deadline:
            time.sleep(_TICK_SECONDS)
