"""What a retrieval is of: all that it names, or a refusal."""

from collections.abc import Sequence

import pytest

from dicom_node.query.catalogue import ArchivedObject
from dicom_node.query.errors import QueryTooWideError
from dicom_node.query.holdings import Holdings
from dicom_node.query.information_model import RetrieveRequest
from dicom_node.query.keys import Level
from dicom_node.query.ports import Matches, Window
from dicom_node.query.reading import Query


class Phantom:
    """A patient with so many studies."""

    def __init__(self, studies: int) -> None:
        self._studies = studies

    def find(
        self, level: Level, query: Query, window: Window, *, without: frozenset[str] = frozenset()
    ) -> Matches:
        """Find them."""
        del level, query, without
        found = [
            {"0020000D": {"vr": "UI", "Value": [f"1.2.{number}"]}}
            for number in range(min(self._studies, window.limit))
        ]
        return Matches(found=tuple(found), more=self._studies > window.limit)

    def objects(self, study_instance_uid: str) -> Sequence[ArchivedObject]:
        """Return none: only which studies are looked into counts here."""
        del study_instance_uid
        return ()


def retrieval(studies: int) -> list[ArchivedObject]:
    request = RetrieveRequest(level=Level.PATIENT, unique={Level.PATIENT: ("QC",)})
    phantom = Phantom(studies)
    return list(Holdings(phantom, phantom).objects(request))  # type: ignore[arg-type]


def test_a_patient_of_more_studies_than_are_retrieved_at_once_is_not_cut_off_in_silence() -> None:
    """The first thousand with a success would look like all there are."""
    assert retrieval(1000) == []
    with pytest.raises(QueryTooWideError, match="more than 1000 studies"):
        retrieval(1001)
