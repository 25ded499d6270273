"""Where receivers record what modalities and archives report."""

from collections.abc import Mapping
from typing import Any

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.performed_step import PerformedBook
from dicom_node.persistence.corridor.announcements import AnnouncementStore
from dicom_node.persistence.database import make_engine


def report_book(values: Mapping[str, Any]) -> PerformedBook:
    """Return what a receiver process records reports in.

    ``values`` are the node's settings as they travel to another process.
    """
    settings = NodeSettings.model_validate(values)
    return AnnouncementStore(make_engine(settings.hotbase_url))
