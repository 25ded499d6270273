"""Who may call the node: decided by the administered AE titles, asked at every association."""

from dicom_node.domain.application_entity import Operation
from dicom_node.network.access import AccessPolicy, AssociationRequest
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.database import make_engine


def database_access(url: str, ae_title: str) -> AccessPolicy:
    """Return the policy of one receiver process; it reads the database at every request.

    So an AE title that is added, changed or removed is so for the next association. The node may
    always echo itself: that is how it shows that it is listening.
    """
    ae_titles = AeTitleStore(make_engine(url))

    def permitted(request: AssociationRequest) -> frozenset[Operation] | None:
        entity = ae_titles.find(request.calling_ae)
        if entity is not None:
            return entity.permitted
        return frozenset({Operation.ECHO}) if request.calling_ae == ae_title else None

    return permitted
