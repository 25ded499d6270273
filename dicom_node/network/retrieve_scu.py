"""The query and retrieve SCU: what an archive has of a study, and its objects (PS3.4 Annex C)."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.reception import Announcement, InstanceStore
from dicom_node.errors import NodeError
from dicom_node.network.associations import Destination, ScuTimeouts, open_association
from dicom_node.network.errors import AssociationError
from dicom_node.network.logs import fields
from dicom_node.network.status import NOT_AUTHORIZED, SUCCESS, store_status
from dicom_node.workflow.analysis.repair import ListedInstance

logger = logging.getLogger(__name__)

_FIND, _GET = "1.2.840.10008.5.1.4.1.2.2.1", "1.2.840.10008.5.1.4.1.2.2.3"
# What an archive must provide.
RETRIEVAL_SOP_CLASSES = (_FIND, _GET)
_PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
# One context for each, so that the archive sends what it has and re-encodes nothing.
_SYNTAXES = (
    *_PLAIN,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
)
_PENDING = (0xFF00, 0xFF01)
# UIDs of one request: 64 characters each, in a value that peers still read.
_AT_ONCE = 100
# Instances of one study's answer that are listened to.
_MOST = 50_000


class ArchiveScu:
    """One archive, asked for studies and what they are made of."""

    def __init__(
        self,
        address: Callable[[], Destination],
        *,
        calling_ae: str,
        timeouts: ScuTimeouts,
        store: InstanceStore,
        now: Callable[[], datetime],
    ) -> None:
        """Ask ``address`` as ``calling_ae``; what comes is made durable in ``store``."""
        self._address = address
        self._calling_ae = calling_ae
        self._timeouts = timeouts
        self._store = store
        self._now = now

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return the instances that the archive has of some series of a study.

        Raises
        ------
        AssociationError
            It cannot be reached, does not let the node in, or does not answer queries.
        """
        return listed_instances(
            self._address(),
            study_instance_uid,
            series,
            calling_ae=self._calling_ae,
            timeouts=self._timeouts,
        )

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        """Get instances by C-GET; return those that came, durable, and nothing else.

        Raises
        ------
        AssociationError
            As for ``listed``; also where the archive does not offer C-GET.
        """
        destination = self._address()
        taking = _Taking(
            wanted=frozenset(each.sop_instance_uid for each in wanted),
            store=self._store,
            calling_ae=destination.ae_title,
            called_ae=self._calling_ae,
            now=self._now,
        )
        classes = tuple(dict.fromkeys(each.sop_class_uid for each in wanted))
        contexts = [
            build_context(_GET, _PLAIN),
            *(build_context(uid, syntax) for uid in classes for syntax in _SYNTAXES),
        ]
        with open_association(
            destination,
            contexts,
            self._calling_ae,
            self._timeouts,
            roles=[build_role(uid, scp_role=True) for uid in classes],
            handlers=[(evt.EVT_C_STORE, taking.take)],
        ) as association:
            _check_offered(association, _GET, "offer C-GET")
            for request in _requests(study_instance_uid, wanted):
                _follow(association, request)
        return tuple(taking.received)


def listed_instances(
    archive: Destination,
    study_instance_uid: str,
    series: Sequence[str],
    *,
    calling_ae: str,
    timeouts: ScuTimeouts,
) -> tuple[ListedInstance, ...]:
    """Return the instances that an archive has of some series of a study (C-FIND, level IMAGE).

    Raises
    ------
    AssociationError
        It cannot be reached, does not let the node in, or does not answer queries.
    """
    contexts = [build_context(_FIND, _PLAIN)]
    with open_association(archive, contexts, calling_ae, timeouts) as association:
        _check_offered(association, _FIND, "answer queries")
        return tuple(
            each for uid in series for each in _instances(association, study_instance_uid, uid)
        )


class _Taking:
    """Takes the objects of a C-GET."""

    def __init__(
        self,
        *,
        wanted: frozenset[str],
        store: InstanceStore,
        calling_ae: str,
        called_ae: str,
        now: Callable[[], datetime],
    ) -> None:
        self._wanted = wanted
        self._store = store
        self._calling_ae = calling_ae
        self._called_ae = called_ae
        self._now = now
        self.received: list[ReceivedInstance] = []

    def take(self, event: Event) -> int:
        """Make an object durable that was asked for (statuses as for the storage SCP)."""
        request = cast("C_STORE", event.request)
        uid = str(request.AffectedSOPInstanceUID)
        if uid not in self._wanted:
            return NOT_AUTHORIZED
        announced = Announcement(
            sop_class_uid=str(request.AffectedSOPClassUID),
            sop_instance_uid=uid,
            transfer_syntax_uid=str(event.context.transfer_syntax),
            calling_ae=self._calling_ae,
            called_ae=self._called_ae,
            received_at=self._now(),
        )
        try:
            stored = self._store.store(event.encoded_dataset(include_meta=False), announced)
        except NodeError as error:
            logger.warning("instance.not_fetched %s", fields(sop_instance=uid, reason=error))
            return store_status(error)
        self.received.append(stored.instance)
        return SUCCESS


def _instances(association: Association, study: str, series: str) -> Iterator[ListedInstance]:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = study
    identifier.SeriesInstanceUID = series
    identifier.SOPInstanceUID = ""
    identifier.SOPClassUID = ""
    for number, answer in enumerate(_matches(association, identifier)):
        if number >= _MOST:
            return
        uid, sop_class = answer.get("SOPInstanceUID"), answer.get("SOPClassUID")
        if uid and sop_class:
            yield ListedInstance(
                series_instance_uid=series,
                sop_instance_uid=str(uid),
                sop_class_uid=str(sop_class),
            )


def _matches(association: Association, identifier: Dataset) -> Iterator[Dataset]:
    for status, answer in association.send_c_find(identifier, _FIND):
        if status.get("Status") in _PENDING and answer is not None:
            yield answer
        elif status.get("Status") != SUCCESS:
            raise AssociationError(f"the archive answered a query with {_said(status)}")


def _requests(study: str, wanted: Sequence[ListedInstance]) -> Iterator[Dataset]:
    by_series: dict[str, list[str]] = {}
    for each in wanted:
        by_series.setdefault(each.series_instance_uid, []).append(each.sop_instance_uid)
    for series, uids in by_series.items():
        for start in range(0, len(uids), _AT_ONCE):
            identifier = Dataset()
            identifier.QueryRetrieveLevel = "IMAGE"
            identifier.StudyInstanceUID = study
            identifier.SeriesInstanceUID = series
            identifier.SOPInstanceUID = uids[start : start + _AT_ONCE]
            yield identifier


def _follow(association: Association, identifier: Dataset) -> None:
    """Wait for the end of one C-GET; what did not come is seen by its absence.

    Raises
    ------
    AssociationError
        The archive ended the association instead of answering.
    """
    for status, _ in association.send_c_get(identifier, _GET):
        if "Status" not in status:
            raise AssociationError("the archive ended the association at C-GET: does it allow it?")
        if status.get("Status") not in (*_PENDING, SUCCESS):
            logger.warning("retrieval.incomplete %s", fields(status=_said(status)))


def _check_offered(association: Association, sop_class: str, what: str) -> None:
    accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
    if sop_class not in accepted:
        raise AssociationError(f"the archive does not {what}")


def _said(status: Mapping[object, object] | Dataset) -> str:
    number = status.get("Status")
    return f"0x{number:04X}" if isinstance(number, int) else "nothing"
