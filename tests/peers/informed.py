"""A peer that is told of itself: takes availability and events of steps, strict about both."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from typing import Any, cast

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.events import Event

AVAILABILITY = "1.2.840.10008.5.1.4.33"
UPS_PUSH, UPS_EVENT = "1.2.840.10008.5.1.4.34.6.1", "1.2.840.10008.5.1.4.34.6.4"
_WAIT_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What came; ``event_type`` is 0 for availability."""

    uid: str
    event_type: int
    dataset: Dataset


@dataclass(slots=True)
class Ear:
    """What was told, in its order, and what it is answered with."""

    status: int = 0x0000
    told: list[Told] = field(default_factory=list)
    changed: Condition = field(default_factory=Condition)

    def take_availability(self, event: Event) -> tuple[int, None]:
        """Take an N-CREATE."""
        request = cast("Any", event.request)
        uid = str(request.AffectedSOPInstanceUID)
        return self._take(Told(uid=uid, event_type=0, dataset=event.attribute_list))

    def take_event(self, event: Event) -> tuple[int, None]:
        """Take an N-EVENT-REPORT, whose SOP Class is that of the step (PS3.4 Section CC.3.1)."""
        request = cast("Any", event.request)
        if str(request.AffectedSOPClassUID) != UPS_PUSH:
            return 0x0118, None
        uid = str(request.AffectedSOPInstanceUID)
        told = Told(uid=uid, event_type=int(request.EventTypeID), dataset=event.event_information)
        return self._take(told)

    def _take(self, told: Told) -> tuple[int, None]:
        with self.changed:
            if self.status == 0:
                self.told.append(told)
            self.changed.notify_all()
        return self.status, None

    def wait_for(self, count: int) -> list[Told]:
        """Wait until so much has been told."""
        with self.changed:
            if not self.changed.wait_for(lambda: len(self.told) >= count, _WAIT_SECONDS):
                pytest.fail(f"{len(self.told)} of {count} messages after a long wait")
            return list(self.told)


@contextmanager
def listening(ear: Ear, ae_title: str, *, port: int = 0, classes: int = 2) -> Iterator[int]:
    """Take messages over associations that the node opens; yields the port."""
    ae = AE(ae_title=ae_title)
    ae.require_called_aet = True
    ae.add_supported_context(AVAILABILITY, ExplicitVRLittleEndian)
    if classes > 1:
        ae.add_supported_context(UPS_EVENT, ExplicitVRLittleEndian, scu_role=False, scp_role=True)
    handlers = [
        (evt.EVT_N_CREATE, ear.take_availability),
        (evt.EVT_N_EVENT_REPORT, ear.take_event),
    ]
    server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    assert server is not None
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
