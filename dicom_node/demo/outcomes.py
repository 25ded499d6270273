"""What became of each study: its evidence in the PACS, or the reason why there is none."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from dicom_node.demo.errors import DemoError
from dicom_node.demo.node_process import NodeProcess
from dicom_node.demo.pacs import DemoPacs
from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from dicom_node.errors import NotFoundError
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.database import make_engine
from sr_templates.evidence_kind import EvidenceKind

_PATIENCE = 90.0
"""Seconds without any change after which waiting is given up."""

_GLANCE = 0.1
"""Seconds between two looks at the node's records while nothing arrives."""

_UNDER_WAY = (DeliveryState.PENDING, DeliveryState.RETRYING)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOutcome:
    """One study after the corridor; ``reason`` says why where there is no result."""

    study_instance_uid: str
    state: StudyState
    reason: str
    reports: tuple[Path, ...]
    overlays: tuple[Path, ...]


class Outcomes:
    """Watches studies on their way through the node into the PACS."""

    def __init__(self, node: NodeProcess, pacs: DemoPacs) -> None:
        self._node = node
        self._pacs = pacs
        self._engine = make_engine(node.database_url)
        self._index = StudyIndex(self._engine)
        self._hotbase = Hotbase(self._engine)
        self._deliveries = DeliveryStore(self._engine)

    def close(self) -> None:
        """Let go of the node's database."""
        self._engine.dispose()

    def wait(self, studies: Iterable[str]) -> Iterator[StudyOutcome]:
        """Yield each study's outcome as soon as there is one.

        Raises
        ------
        DemoError
            When the node ends, or nothing has changed for a long time.
        """
        waiting = list(studies)
        deadline = time.monotonic() + _PATIENCE
        while waiting:
            before = self._pacs.count()
            settled = [found for study in waiting if (found := self._outcome(study))]
            yield from settled
            waiting = [
                each for each in waiting if each not in {s.study_instance_uid for s in settled}
            ]
            if settled or self._pacs.count() > before:
                deadline = time.monotonic() + _PATIENCE
            elif time.monotonic() > deadline:
                raise DemoError(self._explained(waiting))
            self._node.require_running()
            if waiting:
                self._pacs.wait_for_more(before, _GLANCE)

    def _outcome(self, study: str) -> StudyOutcome | None:
        """Return what became of a study once nothing more will come of it."""
        try:
            record = self._index.study(study)
        except (NotFoundError, sa.exc.OperationalError):
            return None  # its association has only just ended
        if record.state in (StudyState.RECEIVING, StudyState.COMPLETE):
            return None
        jobs = [job["job_id"] for job in self._hotbase.jobs(study)]
        deliveries = [each for job in jobs for each in self._deliveries.of_job(job)]
        if any(each.state in _UNDER_WAY for each in deliveries):
            return None
        evidence = [each for job in jobs for each in self._hotbase.evidence(job)]
        troubles = [
            *(f"a result was held back: {'; '.join(e.problems)}" for e in evidence if e.is_held),
            *(each.last_error for each in deliveries if each.state is DeliveryState.FAILED),
        ]
        arrived = [(each.kind, self._pacs.find(each.sop_instance_uid)) for each in evidence]
        if any(path is None for _, path in arrived) and not troubles:
            return None
        return StudyOutcome(
            study_instance_uid=study,
            state=record.state,
            reason="; ".join(filter(None, [record.reason, *troubles])),
            reports=tuple(path for kind, path in arrived if path and kind is EvidenceKind.SR),
            overlays=tuple(path for kind, path in arrived if path and kind is EvidenceKind.SC),
        )

    def _explained(self, studies: list[str]) -> str:
        lines = [f"nothing has changed for {_PATIENCE:.0f} s; waiting for:"]
        for study in studies:
            try:
                lines.append(f"  {study}: {self._index.study(study).state.value}")
            except NotFoundError:
                lines.append(f"  {study}: not in the node's index")
            for job in self._hotbase.jobs(study):
                lines += [
                    f"    to {each.destination}: {each.state.value} {each.last_error}"
                    for each in self._deliveries.of_job(job["job_id"])
                ]
        return "\n".join([*lines, f"The node's log: {self._node.log}"])
