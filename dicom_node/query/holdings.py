"""What an archive holds, found and handed out by Query/Retrieve requests."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

from dicom_node.query.catalogue import ArchivedObject, Catalogue
from dicom_node.query.errors import QueryTooWideError
from dicom_node.query.information_model import UNIQUE_KEY, FindRequest, RetrieveRequest
from dicom_node.query.keys import Level, tag_of, vr_of
from dicom_node.query.ports import EntitySearch, Matches, Window
from dicom_node.query.reading import Query, make_key

# Studies of one request: a patient has fewer, a phantom may have more.
_MOST_STUDIES = 1000


class Holdings:
    """Studies, series and instances of the archive."""

    def __init__(self, search: EntitySearch, catalogue: Catalogue) -> None:
        self._search = search
        self._catalogue = catalogue

    def find(self, request: FindRequest, *, most: int) -> Matches:
        """Return the first ``most`` entities that match."""
        return self._search.find(request.level, request.query, Window(limit=most))

    def objects(self, request: RetrieveRequest) -> Iterator[ArchivedObject]:
        """Yield what a retrieval asks for, study by study.

        Raises
        ------
        UnusableQueryError
            A unique key cannot be matched.
        QueryTooWideError
            It is of more studies than are retrieved at once.
        """
        series, instances = request.of(Level.SERIES), request.of(Level.INSTANCE)
        for study in self._studies(request):
            for each in self._catalogue.objects(study):
                if series and each.series_instance_uid not in series:
                    continue
                if not instances or each.sop_instance_uid in instances:
                    yield each

    def _studies(self, request: RetrieveRequest) -> tuple[str, ...]:
        keys = (
            make_key(tag_of(name), vr_of(tag_of(name)), request.of(level))
            for level in (Level.PATIENT, Level.STUDY)
            if request.of(level)
            for name in (UNIQUE_KEY[level],)
        )
        query = Query(keys=tuple(key for key in keys if key is not None), asked=Dataset())
        matches = self._search.find(Level.STUDY, query, Window(limit=_MOST_STUDIES))
        if matches.more:
            raise QueryTooWideError(f"more than {_MOST_STUDIES} studies match: ask in parts")
        name = f"{tag_of(UNIQUE_KEY[Level.STUDY]):08X}"
        return tuple(str(entity[name]["Value"][0]) for entity in matches.found)
