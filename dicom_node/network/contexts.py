"""Which presentation contexts are accepted: every storage class and syntax, and of queries."""

from collections.abc import Iterable

from pydicom.uid import UID
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext

from dicom_node.network.access import Operation
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.performed_data import AVAILABILITY, PERFORMED_STEP
from dicom_node.network.private import transfer_syntaxes
from dicom_node.network.query_classes import QUERY_SOP_CLASSES, QUERY_TRANSFER_SYNTAXES

_VERIFICATION = "1.2.840.10008.1.1"
REPORT_SOP_CLASSES = (PERFORMED_STEP, AVAILABILITY)
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
# Below that root, but not composite instances of a patient: protocols and inventories.
_NOT_COMPOSITE = ("1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201.")
_STORED = frozenset({Operation.STORE})
_STORED_OR_TAKEN = frozenset({Operation.STORE, Operation.MOVE})
_GE_PRIVATE = "1.2.840.113619.5.2"  # implicit VR little endian, big endian pixel data
# Named like transfer syntaxes, yet no encodings of a data set (PS3.6 Annex A, both retired).
_NO_DATASET = frozenset({"1.2.840.10008.1.2.6.1", "1.2.840.10008.1.2.6.2"})


class ContextTable:
    """Answers an association request; built once, asked often."""

    def __init__(self) -> None:
        """List what pydicom and pynetdicom know by name."""
        self._storage = frozenset(cx.abstract_syntax for cx in AllStoragePresentationContexts)
        self.transfer_syntaxes = transfer_syntaxes() - _NO_DATASET | {_GE_PRIVATE}

    @property
    def storage_sop_classes(self) -> tuple[str, ...]:
        """The storage SOP Classes that are known by name, sorted."""
        return tuple(sorted(map(str, self._storage)))

    def is_storage(self, sop_class: str) -> bool:
        """Tell whether a SOP Class is stored here; private and unknown ones are taken as such."""
        if sop_class in self._storage or UID(sop_class).is_private:
            return True
        return sop_class.startswith(_STORAGE_ROOT) and not sop_class.startswith(_NOT_COMPOSITE)

    def supported(
        self,
        proposed: Iterable[PresentationContext],
        operations: frozenset[Operation],
        takers: frozenset[str] = frozenset(),
    ) -> list[PresentationContext]:
        """Return what to accept of a proposal; transfer syntaxes in the order of the proposal.

        The peer's order is kept because the node stores any encoding as it comes, so the peer's
        preference costs nothing. ``takers`` are the SOP Classes of which the peer offers to be the
        SCP: whoever may retrieve is sent objects of these by C-GET (PS3.7 Annex D.3.3.4).
        """
        syntaxes: dict[str, dict[str, None]] = {}
        for context in proposed:
            sop_class = str(context.abstract_syntax)
            if self._operations(sop_class, takers) & operations:
                known = self._known(sop_class, context.transfer_syntax)
                syntaxes.setdefault(sop_class, {}).update(dict.fromkeys(known))
        accepted = [build_context(uid, list(known)) for uid, known in syntaxes.items() if known]
        for context in accepted:
            if context.abstract_syntax == PUSH_MODEL:
                # Whoever brings results is the SCP of this association (PS3.4 Section J.3.3).
                context.scp_role = context.scu_role = True
            elif context.abstract_syntax in takers and Operation.MOVE in operations:
                context.scp_role, context.scu_role = True, Operation.STORE in operations
        return accepted

    def _operations(self, sop_class: str, takers: frozenset[str]) -> frozenset[Operation]:
        """Return for what a SOP Class is of use, any of which lets it in."""
        if sop_class == _VERIFICATION:
            return frozenset({Operation.ECHO})
        if sop_class == PUSH_MODEL:
            return frozenset({Operation.COMMIT})
        if sop_class in REPORT_SOP_CLASSES:
            return frozenset({Operation.REPORT})
        if sop_class in QUERY_SOP_CLASSES:
            return frozenset({QUERY_SOP_CLASSES[sop_class]})
        if not self.is_storage(sop_class):
            return frozenset()
        return _STORED_OR_TAKEN if sop_class in takers else _STORED

    def _known(self, sop_class: str, syntaxes: Iterable[str]) -> list[str]:
        plain = sop_class in (*QUERY_SOP_CLASSES, PUSH_MODEL, *REPORT_SOP_CLASSES)
        known = QUERY_TRANSFER_SYNTAXES if plain else self.transfer_syntaxes
        return [uid for uid in syntaxes if uid in known]
