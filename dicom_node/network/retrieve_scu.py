"""The retrieve SCU: objects of another archive, by C-GET or C-MOVE (PS3.4 C.4.2 and C.4.3)."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import cast

from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLosslessSV1, JPEGLSLossless, RLELossless
from pynetdicom import build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.events import Event

from dicom_node.domain.found import Attributes, found_series, found_study, listed_instance
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries, FoundStudy
from dicom_node.domain.reception import Announcement, InstanceStore
from dicom_node.domain.retrieval import ListedInstance, Way
from dicom_node.errors import NodeError
from dicom_node.network.associations import Destination, ScuTimeouts, end, open_association
from dicom_node.network.errors import AnswerError, AssociationError
from dicom_node.network.logs import fields
from dicom_node.network.query_scu import (
    MOST_INSTANCES,
    MOST_SERIES,
    MOST_STUDIES,
    PENDING,
    PLAIN,
    STUDY_ROOT_FIND,
    instance_query,
    matches,
    said,
    series_query,
    study_query,
)
from dicom_node.network.status import DESTINATION_UNKNOWN, NOT_AUTHORIZED, SUCCESS, store_status

logger = logging.getLogger(__name__)

_MOVE, _GET = "1.2.840.10008.5.1.4.1.2.2.2", "1.2.840.10008.5.1.4.1.2.2.3"
# Queries, and either way to get what was found.
RETRIEVAL_SOP_CLASSES = (STUDY_ROOT_FIND, _MOVE, _GET)
# One context for each, so that the archive sends what it has and re-encodes nothing.
_SYNTAXES = (
    *PLAIN,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    RLELossless,
)
# UIDs of one request: 64 characters each, in a value that peers still read.
_AT_ONCE = 100
# Storage SOP Classes of one association: with six contexts each, and one for C-GET itself.
_CLASSES_AT_ONCE = 20
# Objects that nobody asked for, after which an archive is not listened to any more.
_MOST_UNASKED = 100
DEADLINE_SECONDS = 600.0
Arrived = Callable[[Sequence[str]], tuple[ReceivedInstance, ...]]


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
        arrived: Arrived | None = None,
        way: Way = Way.AUTO,
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        """Ask ``address`` as ``calling_ae``; what comes is made durable in ``store``.

        Parameters
        ----------
        arrived
            Waits for objects of these UIDs that were sent to the node's own port by C-MOVE, and
            returns those that came; without it there is no C-MOVE.
        deadline
            Seconds after which anything that was begun is given up.
        """
        self._address = address
        self._calling_ae = calling_ae
        self._timeouts = timeouts
        self._store = store
        self._now = now
        self._arrived = arrived
        self._way = way
        self._deadline = deadline

    def studies_of(self, patient_id: str, *, until: str) -> tuple[FoundStudy, ...]:
        """Return the studies that the archive finds of a patient, up to a date (YYYYMMDD).

        Raises
        ------
        AssociationError
            It cannot be reached, does not let the node in, or does not answer queries as it should.
        """
        return tuple(
            each
            for entity in self._asked(study_query(patient_id, until=until), MOST_STUDIES)
            if (each := found_study(entity)) is not None
        )

    def series_of(self, study_instance_uid: str) -> tuple[FoundSeries, ...]:
        """Return the series that the archive has of a study.

        Raises
        ------
        AssociationError
            As for ``studies_of``.
        """
        return tuple(
            each
            for entity in self._asked(series_query(study_instance_uid), MOST_SERIES)
            if (each := found_series(entity)) is not None
        )

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return the instances that the archive has of some series of a study.

        Raises
        ------
        AssociationError
            As for ``studies_of``.
        """
        if not series:
            return ()
        return listed_instances(
            self._address(),
            study_instance_uid,
            series,
            calling_ae=self._calling_ae,
            timeouts=self._timeouts,
            deadline=self._deadline,
        )

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        """Get instances by C-GET or C-MOVE; return those that came, durable, and nothing else.

        Raises
        ------
        AssociationError
            As for ``studies_of``; also where the archive offers neither, or not the way that was
            chosen, and where it does not know the node as a destination of C-MOVE.
        """
        until = time.monotonic() + self._deadline
        if self._way is not Way.MOVE:
            is_last = self._way is Way.GET or self._arrived is None
            try:
                got = self._got(study_instance_uid, wanted, until)
            except _NotOfferedError:
                if is_last:
                    raise
            else:
                if got or is_last:
                    return got
        return self._moved(study_instance_uid, wanted, until)

    def _asked(self, identifier: Dataset, most: int) -> tuple[Attributes, ...]:
        contexts = [build_context(STUDY_ROOT_FIND, PLAIN)]
        until = time.monotonic() + self._deadline
        with open_association(
            self._address(), contexts, self._calling_ae, self._timeouts
        ) as association:
            _check_offered(association, STUDY_ROOT_FIND, "answer queries")
            return tuple(matches(association, identifier, most=most, until=until))

    def _got(
        self, study: str, wanted: Sequence[ListedInstance], until: float
    ) -> tuple[ReceivedInstance, ...]:
        classes = tuple(dict.fromkeys(each.sop_class_uid for each in wanted))
        received: list[ReceivedInstance] = []
        for start in range(0, len(classes), _CLASSES_AT_ONCE):
            some = classes[start : start + _CLASSES_AT_ONCE]
            of_these = [each for each in wanted if each.sop_class_uid in some]
            received += self._got_of(study, of_these, some, until)
        return tuple(received)

    def _got_of(
        self, study: str, wanted: Sequence[ListedInstance], classes: Sequence[str], until: float
    ) -> list[ReceivedInstance]:
        destination = self._address()
        taking = _Taking(
            wanted=frozenset(each.sop_instance_uid for each in wanted),
            store=self._store,
            calling_ae=destination.ae_title,
            called_ae=self._calling_ae,
            now=self._now,
            until=until,
        )
        contexts = [
            build_context(_GET, PLAIN),
            *(build_context(uid, syntax) for uid in classes for syntax in _SYNTAXES),
        ]
        try:
            with open_association(
                destination,
                contexts,
                self._calling_ae,
                self._timeouts,
                roles=[build_role(uid, scp_role=True) for uid in classes],
                handlers=[(evt.EVT_C_STORE, taking.take)],
            ) as association:
                _check_offered(association, _GET, "offer C-GET")
                for request in _requests(study, wanted):
                    _follow(association, association.send_c_get(request, _GET), until, "C-GET")
        except AssociationError as error:
            if not taking.received:
                raise
            logger.warning("retrieval.incomplete %s", fields(reason=error))
        return taking.received

    def _moved(
        self, study: str, wanted: Sequence[ListedInstance], until: float
    ) -> tuple[ReceivedInstance, ...]:
        if self._arrived is None:
            raise AssociationError("the archive is not asked by C-MOVE here")
        contexts = [build_context(_MOVE, PLAIN)]
        with open_association(
            self._address(), contexts, self._calling_ae, self._timeouts
        ) as association:
            offers = "offer C-MOVE" if self._way is Way.MOVE else "offer C-GET or C-MOVE"
            _check_offered(association, _MOVE, offers)
            for request in _requests(study, wanted):
                sent = association.send_c_move(request, self._calling_ae, _MOVE)
                _follow(association, sent, until, "C-MOVE")
        return self._arrived([each.sop_instance_uid for each in wanted])


class _NotOfferedError(AssociationError):
    """The archive did not accept the presentation context of what it was to be asked."""


def listed_instances(
    archive: Destination,
    study_instance_uid: str,
    series: Sequence[str],
    *,
    calling_ae: str,
    timeouts: ScuTimeouts,
    deadline: float = DEADLINE_SECONDS,
) -> tuple[ListedInstance, ...]:
    """Return the instances that an archive has of some series of a study (C-FIND, level IMAGE).

    Raises
    ------
    AssociationError
        It cannot be reached, does not let the node in, or does not answer queries as it should.
    """
    until = time.monotonic() + deadline
    contexts = [build_context(STUDY_ROOT_FIND, PLAIN)]
    with open_association(archive, contexts, calling_ae, timeouts) as association:
        _check_offered(association, STUDY_ROOT_FIND, "answer queries")
        return tuple(
            each
            for uid in series
            for entity in matches(
                association,
                instance_query(study_instance_uid, uid),
                most=MOST_INSTANCES,
                until=until,
            )
            if (each := listed_instance(uid, entity)) is not None
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
        until: float,
    ) -> None:
        self._wanted = wanted
        self._store = store
        self._calling_ae = calling_ae
        self._called_ae = called_ae
        self._now = now
        self._until = until
        self._unasked = 0
        self.received: list[ReceivedInstance] = []

    def take(self, event: Event) -> int:
        """Make an object durable that was asked for (statuses as for the storage SCP)."""
        request = cast("C_STORE", event.request)
        uid = str(request.AffectedSOPInstanceUID)
        if uid not in self._wanted:
            self._unasked += 1
            if self._unasked > _MOST_UNASKED or time.monotonic() > self._until:
                end(event.assoc, event.assoc.abort)
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


def _follow(
    association: Association,
    answers: Iterator[tuple[Dataset, Dataset | None]],
    until: float,
    operation: str,
) -> None:
    """Wait for the end of one C-GET or C-MOVE; what did not come is seen by its absence.

    Raises
    ------
    AssociationError
        The archive ended the association instead of answering, or knows no such destination.
    AnswerError
        It did not come to an end in time.
    """
    for status, _ in answers:
        if "Status" not in status:
            raise _NotOfferedError(
                f"the archive ended the association at {operation}: does it allow it?"
            )
        if status.Status == DESTINATION_UNKNOWN:
            raise AssociationError(
                "the archive does not know this node as a destination of C-MOVE: enter its AE "
                f"title, host and port there ({said(status)})"
            )
        if status.Status not in (*PENDING, SUCCESS):
            logger.warning("retrieval.incomplete %s", fields(status=said(status)))
        if time.monotonic() > until:
            end(association, association.abort)
            raise AnswerError(f"the archive's {operation} did not come to its end in time")


def _check_offered(association: Association, sop_class: str, what: str) -> None:
    accepted = {str(context.abstract_syntax) for context in association.accepted_contexts}
    if sop_class not in accepted:
        raise _NotOfferedError(f"the archive does not {what}")
