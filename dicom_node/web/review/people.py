"""Users of the pages as reviewers of the worklist."""

from dicom_node.domain.review.review import Reviewer, ReviewerRole
from dicom_node.domain.user import User


def reviewer(user: User) -> Reviewer:
    """Return the reviewer that a user is."""
    return Reviewer(
        user_name=user.name,
        person_name=user.title,
        organisation=user.organization,
        role=ReviewerRole.VERIFIER if user.may_verify else ReviewerRole.ATTESTOR,
    )
