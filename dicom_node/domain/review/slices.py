"""Which of a CT's images a reader scrolls through."""

from collections.abc import Sequence

from dicom_node.domain.review.review import CtUnderReview, ReviewImage


def measured(images: Sequence[ReviewImage], ct: CtUnderReview) -> tuple[ReviewImage, ...]:
    """Return the images of the slices that were measured, from head to feet."""
    by_uid = {each.sop_instance_uid: each for each in images}
    uids = dict.fromkeys(uid for uid, _ in ct.slices)
    return tuple(by_uid[uid] for uid in uids if uid in by_uid)
