"""Erasure of a patient or a study from both databases and from the disk."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import remove_noted
from dicom_node.persistence.corridor.erasure import ErasureStore
from dicom_node.persistence.warehouse.erasure import WarehouseErasure


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the node holds of a study; ``files`` relative to the data folder."""

    study_instance_uid: str
    images: int
    results: int
    validated: int
    files: tuple[str, ...]
    busy: bool


class Erasing:
    """Erases studies; an erasure that broke off is finished by asking for it again."""

    def __init__(self, repositories: Repositories) -> None:
        """Erase what ``repositories`` hold."""
        self._repositories = repositories
        self._hotbase = ErasureStore(repositories.engine)
        self._warehouse = WarehouseErasure(repositories.warehouse_engine)

    def studies_of(self, patient_id: str) -> tuple[str, ...]:
        """Return the studies of a patient."""
        return self._hotbase.of_patient(patient_id)

    def held(self, studies: Sequence[str]) -> tuple[Held, ...]:
        """Return what is held of studies, without those of which nothing is."""
        found = (self._held(each) for each in studies)
        return tuple(each for each in found if each is not None)

    def erase(self, held: Sequence[Held], *, actor: str, why: str, at: datetime) -> None:
        """Erase studies: first the rows, then what they learned from, then the files."""
        for each in held:
            study = each.study_instance_uid
            self._hotbase.erase(study, each.files, actor=actor, why=why, at=at)
            self._warehouse.erase(study)
        remove_noted(self._repositories.retention, self._repositories.settings.common_dir)

    def _held(self, study: str) -> Held | None:
        trace, validated = self._hotbase.trace(study), self._warehouse.paths(study)
        known = self._repositories.index.knows(study)
        if not (known or validated or trace.images or trace.results):
            return None
        settings = self._repositories.settings
        folders = (
            (settings.archive_dir.name, trace.images),
            (self._repositories.evidence.root.name, trace.results),
            (settings.warehouse_dir.name, validated),
        )
        return Held(
            study_instance_uid=study,
            images=len(trace.images),
            results=len(trace.results),
            validated=len(validated),
            files=tuple(f"{folder}/{path}" for folder, paths in folders for path in paths),
            busy=trace.busy,
        )
