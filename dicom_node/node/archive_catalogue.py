"""What query and retrieve services serve: received objects and the evidence made of them."""

from collections.abc import Sequence

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.node.repositories import Repositories
from dicom_node.query.catalogue import ArchivedObject


class ArchiveCatalogue:
    """The archive's objects, found by the index and the Hotbase."""

    def __init__(self, repositories: Repositories) -> None:
        self._repositories = repositories

    def objects(self, study_instance_uid: str) -> Sequence[ArchivedObject]:
        """Return the received objects of a study, then its evidence."""
        received = self._repositories.index.instances(study_instance_uid)
        return [*map(self._received, received), *self.made(study_instance_uid)]

    def made(self, study_instance_uid: str) -> Sequence[ArchivedObject]:
        """Return the evidence made of a study, without what is held back or was removed."""
        made = self._repositories.hotbase.evidence_of_study(study_instance_uid)
        return [self._made(each, study_instance_uid) for each in made if each.is_here]

    def has_removed(self, study_instance_uid: str) -> bool:
        """Whether retention has removed evidence that was made of a study."""
        made = self._repositories.hotbase.evidence_of_study(study_instance_uid)
        return any(each.is_removed for each in made)

    def find(self, sop_instance_uid: str) -> ArchivedObject | None:
        """Return one object, received or made; None when there is none."""
        received = self._repositories.index.instance(sop_instance_uid)
        if received is not None:
            return self._received(received)
        found = self._repositories.hotbase.evidence_object(sop_instance_uid)
        return self._made(*found) if found is not None and found[0].is_here else None

    def _received(self, instance: ReceivedInstance) -> ArchivedObject:
        return ArchivedObject(
            study_instance_uid=instance.study_instance_uid,
            series_instance_uid=instance.series_instance_uid,
            sop_instance_uid=instance.sop_instance_uid,
            path=self._repositories.objects.source_path(instance.path),
        )

    def _made(self, evidence: EvidenceObject, study_instance_uid: str) -> ArchivedObject:
        return ArchivedObject(
            study_instance_uid=study_instance_uid,
            series_instance_uid=evidence.series_instance_uid,
            sop_instance_uid=evidence.sop_instance_uid,
            path=self._repositories.objects.evidence_path(evidence.path),
        )
