"""The query SCP: C-FIND on what the node holds (PS3.4 Section C.4.1)."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID
from pynetdicom.events import Event

from dicom_node.errors import NodeError
from dicom_node.network.data_sets import decoded
from dicom_node.network.errors import IncompleteDataSetError, ReceptionStoppedError
from dicom_node.network.events import Emit, QueryAnswered
from dicom_node.network.logs import fields
from dicom_node.network.query_classes import FIND_MODELS
from dicom_node.network.receiving_association import ReceivingAssociation
from dicom_node.network.sources import SourceOfQueries
from dicom_node.network.status import CANCELED, OUT_OF_RESOURCES, QUERY_MISMATCH, UNABLE, response
from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.information_model import find_answer, read_find
from dicom_node.query.reading import UNREADABLE

logger = logging.getLogger(__name__)

_PENDING, _PENDING_WITHOUT_SOME_KEYS = 0xFF00, 0xFF01

Answer = tuple[Dataset | int, Dataset | None]


class QueryScp:
    """Answers C-FIND in one receiver process."""

    def __init__(self, source: SourceOfQueries, *, ae_title: str, emit: Emit) -> None:
        """Answer from ``source``, as the entity that objects are retrieved from; tell ``emit``."""
        self._emit = emit
        self._source = source
        self._ae_title = ae_title

    def on_find(self, event: Event) -> Iterator[Answer]:
        """Answer a query.

        Statuses: 0xFF00 for each match, 0xFF01 where keys were asked for that are not supported;
        0xFE00 canceled; 0xA700 more matches than are given; 0xA900 the identifier does not fit;
        0xC001 unable to process (PS3.4 Section C.4.1.1.4).
        """
        count, problem = 0, ""
        try:
            for answer in self._answers(event):
                if event.is_cancelled:
                    yield CANCELED, None
                    break
                count += 1
                yield answer
        except UnusableQueryError as error:
            problem = str(error)
            yield response(QUERY_MISMATCH, problem), None
        except NodeError as error:
            problem = str(error)
            yield response(UNABLE, problem), None
        except Exception as error:  # noqa: BLE001  # a peer is answered whatever went wrong
            problem = type(error).__name__
            logger.error("query.failed %s", fields(error=problem))  # noqa: TRY400
            yield response(UNABLE, "internal error: see the node's log"), None
        caller = str(event.assoc.requestor.ae_title).strip()
        logger.info("query.answered %s", fields(calling_ae=caller, answers=count))
        tell_query(event, self._emit, problem=problem)

    def _answers(self, event: Event) -> Iterator[Answer]:
        context: Any = event.context
        request = read_find(identifier_of(event), FIND_MODELS[str(context.abstract_syntax)])
        source = self._source()
        matches = source.holdings.find(request, most=source.max_results)
        status = _PENDING if request.is_whole else _PENDING_WITHOUT_SOME_KEYS
        for entity in matches.found:
            yield status, find_answer(entity, request, ae_title=self._ae_title)
        if matches.more:
            text = f"more than {source.max_results} match: narrow the query"
            yield response(OUT_OF_RESOURCES, text), None


class Asker:
    """Who asked, while the answer is looked for; the library tells of a C-CANCEL only once."""

    def __init__(self, event: Event) -> None:
        self._event = event
        self.has_canceled = False

    def waits(self) -> bool:
        """Whether answers are still wanted."""
        self.has_canceled = self.has_canceled or bool(self._event.is_cancelled)
        association = cast("ReceivingAssociation", self._event.assoc)
        return not (self.has_canceled or association.has_gone)


def identifier_of(event: Event) -> Dataset:
    """Return the identifier of a C-FIND request.

    Raises
    ------
    UnusableQueryError
        There is none, or it cannot be read to its end.
    """
    request: Any = event.request
    try:
        identifier = decoded(request.Identifier, UID(event.context.transfer_syntax))
    except (IncompleteDataSetError, *UNREADABLE) as error:
        raise UnusableQueryError("the identifier cannot be read") from error
    if not identifier:  # PS3.7 Table 9.1-2 has one in each request
        raise UnusableQueryError("the query has no identifier")
    return identifier


def tell_query(event: Event, emit: Emit, *, problem: str) -> None:
    """Tell that a query was answered, and what was asked."""
    context: Any = event.context
    requestor = event.assoc.requestor
    try:
        asked = identifier_of(event).to_json()
    except Exception:  # noqa: BLE001  # a query that cannot be read was made all the same
        asked = ""
    with suppress(ReceptionStoppedError):
        emit(
            QueryAnswered(
                calling_ae=str(requestor.ae_title).strip(),
                peer_address=str(requestor.address),
                sop_class_uid=str(context.abstract_syntax),
                asked=asked,
                problem=problem,
                at=datetime.now(UTC),
            )
        )
