"""What archives say that they have, as it is kept."""

import pytest

from dicom_node.network.performed_data import availability
from tests.peers.objects import CR_IMAGE
from tests.peers.reporter import an_availability


@pytest.mark.parametrize(
    ("title", "kept"), [("PACS", "PACS"), (" PACS ", "PACS"), (["A", "B"], ""), ("A" * 17, "")]
)
def test_an_archive_is_named_by_one_title_that_can_be_one(
    title: str | list[str], kept: str
) -> None:
    """The beginning of a longer one would be another archive's, and a list is nobody's."""
    told = an_availability("1.2.3", "1.2.3.1", CR_IMAGE, "1.2.3.4")
    (series,) = told.ReferencedSeriesSequence
    (item,) = series.ReferencedSOPSequence
    item.add_new("RetrieveAETitle", "LO" if len(title) > 16 else "AE", title)
    (instance,) = availability("1.2.9", told, reporter="PACS").instances
    assert instance.retrieve_ae == kept
