"""Results of commitments that others asked for, told over associations that the node opens."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.commitment import CommitmentBook, CommitmentResult, OpenRequest
from dicom_node.errors import NodeError
from dicom_node.workflow.patience import Patience
from dicom_node.workflow.ports import AeTitles

_LOG = logging.getLogger(__name__)
_PAGE = 100

Tell = Callable[[ApplicationEntity, Callable[[], CommitmentResult]], int]


class CommitmentTelling:
    """Tells what receivers could not tell, until the requestor knows or it has been long enough."""

    def __init__(
        self,
        *,
        book: CommitmentBook,
        ae_titles: AeTitles,
        check: Callable[[OpenRequest], CommitmentResult],
        tell: Tell,
        patience: Patience,
        sole: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
    ) -> None:
        """Tell with ``tell``; ``sole`` gives the right to do so among nodes of one database."""
        self._book = book
        self._ae_titles = ae_titles
        self._check = check
        self._tell = tell
        self._patience = patience
        self._sole = sole

    def sweep(self) -> None:
        """Tell all results that are due; a requestor that is away is left alone for a while."""
        with self._sole() as is_mine:
            if not is_mine:
                return
            away: dict[str, str] = {}
            for each in self._book.due(self._patience.clock(), limit=_PAGE):
                if each.requestor in away:
                    self._untold(each, away[each.requestor])
                else:
                    self._serve(each, away)

    def _serve(self, asked: OpenRequest, away: dict[str, str]) -> None:
        uid = asked.request.transaction_uid
        try:
            entity = self._ae_titles.get(asked.requestor)
            failed = self._tell(entity, lambda: self._check(asked))
        except NodeError as error:
            away[asked.requestor] = str(error)
            self._untold(asked, str(error))
            return
        self._book.told(uid, failed=failed, at=self._patience.clock())
        _LOG.info(
            "commitment told requestor=%s transaction=%s failed=%d", asked.requestor, uid, failed
        )

    def _untold(self, asked: OpenRequest, error: str) -> None:
        uid = asked.request.transaction_uid
        if self._patience.is_over(asked.attempts):
            self._book.give_up(uid, error, at=self._patience.clock())
            _LOG.error(
                "commitment given up requestor=%s transaction=%s reason=%r",
                asked.requestor,
                uid,
                error,
            )
            return
        self._book.untold([uid], error, not_before=self._patience.next_try(asked.attempts))
        _LOG.warning(
            "commitment not told requestor=%s transaction=%s reason=%r", asked.requestor, uid, error
        )
