"""Which presentation contexts the storage SCP accepts: every storage class, every syntax."""

from collections.abc import Iterable

from pydicom.uid import UID
from pynetdicom import AllStoragePresentationContexts, build_context
from pynetdicom.presentation import PresentationContext

from dicom_node.network.access import Operation
from dicom_node.network.private import transfer_syntaxes

_VERIFICATION = "1.2.840.10008.1.1"
_STORAGE_ROOT = "1.2.840.10008.5.1.4.1.1."
# Below that root, but not composite instances of a patient: protocols and inventories.
_NOT_COMPOSITE = ("1.2.840.10008.5.1.4.1.1.200.", "1.2.840.10008.5.1.4.1.1.201.")
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
        self, proposed: Iterable[PresentationContext], operations: frozenset[Operation]
    ) -> list[PresentationContext]:
        """Return what to accept of a proposal; transfer syntaxes in the order of the proposal.

        The peer's order is kept because the node stores any encoding as it comes, so the peer's
        preference costs nothing.
        """
        syntaxes: dict[str, dict[str, None]] = {}
        for context in proposed:
            sop_class = str(context.abstract_syntax)
            if self._operation(sop_class) in operations:
                known = [uid for uid in context.transfer_syntax if uid in self.transfer_syntaxes]
                syntaxes.setdefault(sop_class, {}).update(dict.fromkeys(known))
        return [build_context(uid, list(known)) for uid, known in syntaxes.items() if known]

    def _operation(self, sop_class: str) -> Operation | None:
        if sop_class == _VERIFICATION:
            return Operation.ECHO
        return Operation.STORE if self.is_storage(sop_class) else None
