"""The UPS SCU: steps of another worklist, found, claimed, read and ended (PS3.4 Annex CC)."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.association import Association

from dicom_node.network.associations import Destination, ScuTimeouts, end, open_association
from dicom_node.network.errors import AnswerError, AssociationAbortedError, AssociationError
from dicom_node.network.query_scu import PENDING, said
from dicom_node.network.status import SUCCESS
from dicom_node.ups.codes import UPS_PULL, UPS_PUSH

_PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
_CHANGE_STATE = 1
_MOST = 1000
_SECONDS = 60.0
# What answers of a search are to hold, besides what they are searched by.
_WANTED = (
    "SOPInstanceUID",
    "ScheduledProcedureStepPriority",
    "ScheduledProcedureStepStartDateTime",
    "ScheduledWorkitemCodeSequence",
    "ScheduledStationNameCodeSequence",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpsScu:
    """Asks one worklist manager as this node's AE title; statuses are returned as they come."""

    address: Callable[[], Destination]
    calling_ae: str
    timeouts: ScuTimeouts

    def scheduled(self, label: str) -> tuple[Dataset, ...]:
        """Return what waits and is ready, of one Worklist Label or of all.

        Raises
        ------
        NodeError
            The manager cannot be asked, or answers nonsense.
        """
        with self._opened() as association:
            return tuple(_answers(association, _query(label)))

    def claim(self, uid: str, transaction_uid: str) -> int:
        """Ask for a step; return the status.

        Raises
        ------
        NodeError
            The manager cannot be asked, or does not answer.
        """
        return self.change(uid, transaction_uid, "IN PROGRESS")

    def change(self, uid: str, transaction_uid: str, state: str) -> int:
        """Change the state of a step; return the status.

        Raises
        ------
        NodeError
            As for ``claim``.
        """
        wanted = Dataset()
        wanted.TransactionUID = transaction_uid
        wanted.ProcedureStepState = state
        with self._opened() as association:
            status, _ = association.send_n_action(
                wanted, _CHANGE_STATE, UPS_PUSH, uid, meta_uid=UPS_PULL
            )
            return _status(status)

    def get(self, uid: str) -> Dataset | None:
        """Return a step; None where the manager gives none.

        Raises
        ------
        NodeError
            As for ``claim``.
        """
        with self._opened() as association:
            status, step = association.send_n_get([], UPS_PUSH, uid, meta_uid=UPS_PULL)
            return step if _status(status) == SUCCESS else None

    def update(self, uid: str, transaction_uid: str, changes: Dataset) -> int:
        """Set attributes of a step; return the status.

        Raises
        ------
        NodeError
            As for ``claim``.
        """
        changes.TransactionUID = transaction_uid
        with self._opened() as association:
            return _status(association.send_n_set(changes, UPS_PUSH, uid, meta_uid=UPS_PULL)[0])

    @contextmanager
    def _opened(self) -> Iterator[Association]:
        peer = self.address()
        contexts = [build_context(UPS_PULL, _PLAIN)]
        with open_association(peer, contexts, self.calling_ae, self.timeouts) as association:
            if not association.is_established:
                raise AssociationError(f"{peer.ae_title} offers no procedure steps")
            try:
                yield association
            except RuntimeError as error:  # the association has ended meanwhile
                raise AssociationAbortedError(str(error)) from error


def _query(label: str) -> Dataset:
    identifier = Dataset()
    for keyword in _WANTED:
        is_sequence = keyword.endswith("Sequence")
        setattr(identifier, keyword, Sequence() if is_sequence else "")
    identifier.ProcedureStepState = "SCHEDULED"
    identifier.InputReadinessState = "READY"
    identifier.WorklistLabel = label
    return identifier


def _answers(association: Association, identifier: Dataset) -> Iterator[Dataset]:
    until = time.monotonic() + _SECONDS
    answers = enumerate(association.send_c_find(identifier, UPS_PULL), start=1)
    for count, (status, answer) in answers:
        if status.get("Status") not in PENDING:
            break
        if count > _MOST or time.monotonic() > until:
            end(association, association.abort)
            raise AnswerError(f"the manager has more than {_MOST} steps: name a Worklist Label")
        if answer is not None:
            yield answer
    if status.get("Status") != SUCCESS:
        raise AssociationError(f"the manager answered a query with {said(status)}")


def _status(status: Any) -> int:
    found = status.get("Status")
    if found is None:
        raise AssociationAbortedError("the manager did not answer")
    return int(found)
