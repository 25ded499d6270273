"""Another archive that is a DICOMweb server: searched by QIDO-RS, images got by WADO-RS."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from dicom_node.archive.storage import StorageArchive
from dicom_node.dicomweb.peer import Dataset, WebConnection, WebPeer, WebPeerError, WebTimeouts
from dicom_node.dicomweb.peer import connected as connected_to
from dicom_node.domain.found import found_series, found_study, listed_instance
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.prior import FoundSeries, FoundStudy
from dicom_node.domain.retrieval import ListedInstance
from dicom_node.errors import NodeError

_LOG = logging.getLogger(__name__)
# Beside what a server returns of itself (PS3.18 Tables 10.6.3-3 and 10.6.3-4).
_STUDY_FIELDS = ["00081030", "00100021"]
_SERIES_FIELDS = ["00180015", "00181030"]
_MOST = 1000
Wanted = dict[str, str | list[str]]


class WebArchive:
    """One archive, asked for studies and what they are made of."""

    def __init__(
        self,
        address: Callable[[], WebPeer],
        *,
        timeouts: WebTimeouts,
        store: StorageArchive,
        called_ae: str,
        now: Callable[[], datetime],
        deadline: float,
    ) -> None:
        """Ask ``address``; what comes is made durable in ``store``.

        ``deadline`` is in seconds: what has not come by then is given up.
        """
        self._address = address
        self._timeouts = timeouts
        self._store = store
        self._called_ae = called_ae
        self._now = now
        self._deadline = deadline

    def studies_of(self, patient_id: str, *, until: str) -> tuple[FoundStudy, ...]:
        """Return the studies that the archive finds of a patient, up to a date (YYYYMMDD).

        Raises
        ------
        WebPeerError
            It does not answer, not as it should, or has more than are listened to.
        """
        query: Wanted = {"PatientID": patient_id, "includefield": _STUDY_FIELDS}
        if until:
            query["StudyDate"] = f"-{until}"
        with self._connected() as connection:
            found = map(found_study, _searched(connection, "/studies", query))
            return tuple(each for each in found if each is not None)

    def series_of(self, study_instance_uid: str) -> tuple[FoundSeries, ...]:
        """Return the series that the archive has of a study.

        Raises
        ------
        WebPeerError
            As for ``studies_of``.
        """
        path = f"/studies/{study_instance_uid}/series"
        query: Wanted = {"includefield": _SERIES_FIELDS}
        with self._connected() as connection:
            found = map(found_series, _searched(connection, path, query))
            return tuple(each for each in found if each is not None)

    def listed(self, study_instance_uid: str, series: Sequence[str]) -> tuple[ListedInstance, ...]:
        """Return the instances that the archive has of some series of a study.

        Raises
        ------
        WebPeerError
            As for ``studies_of``.
        """
        with self._connected() as connection:
            return tuple(
                each
                for uid in series
                for match in connection.search(
                    f"/studies/{study_instance_uid}/series/{uid}/instances", {}
                )
                if (each := listed_instance(uid, match)) is not None
            )

    def fetched(
        self, study_instance_uid: str, wanted: Sequence[ListedInstance]
    ) -> tuple[ReceivedInstance, ...]:
        """Get instances; return those that came, durable, and nothing else.

        Raises
        ------
        WebPeerError
            None came, and this is why.
        """
        until = time.monotonic() + self._deadline
        received: list[ReceivedInstance] = []
        with self._connected() as connection:
            for each in wanted:
                try:
                    received += self._got(connection, study_instance_uid, each)
                except WebPeerError as error:
                    if not received:
                        raise
                    _LOG.warning("retrieval incomplete reason=%s", error)
                    break
                if time.monotonic() > until:
                    _LOG.warning("retrieval incomplete reason=the time is over")
                    break
        return tuple(received)

    def _got(
        self, connection: WebConnection, study: str, wanted: ListedInstance
    ) -> list[ReceivedInstance]:
        """Get one instance; nothing where it is another than was asked for, or cannot be kept."""
        uid = wanted.sop_instance_uid
        data = connection.retrieve(
            f"/studies/{study}/series/{wanted.series_instance_uid}/instances/{uid}"
        )
        try:
            stored = self._store.store_part10(
                data,
                calling_ae=self._address().title,
                called_ae=self._called_ae,
                received_at=self._now(),
            )
        except NodeError as error:
            _LOG.warning("instance not fetched sop=%s reason=%s", uid, error)
            return []
        if stored.instance.sop_instance_uid != uid:
            _LOG.warning("another instance came sop=%s", uid)
            return []
        return [stored.instance]

    def _connected(self) -> AbstractContextManager[WebConnection]:
        return connected_to(self._address(), self._timeouts)


def _searched(connection: WebConnection, path: str, query: Wanted) -> list[Dataset]:
    found = connection.search(path, {**query, "limit": str(_MOST + 1)})
    if len(found) > _MOST:
        raise WebPeerError(f"the archive has more than {_MOST} matches for one query")
    return found
