"""Messages to others, sent until they are taken or it has been long enough."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.peer_message import Channel, MessageBook, PeerMessage
from dicom_node.errors import NodeError
from dicom_node.workflow.patience import Patience
from dicom_node.workflow.ports import AeTitles

_LOG = logging.getLogger(__name__)
_PAGE = 500

Send = Callable[[ApplicationEntity, Sequence[PeerMessage]], Iterator[tuple[PeerMessage, str]]]


class MessageSending:
    """Sends what is due; a receiver that is away is left alone for a while, with all it has due."""

    def __init__(
        self,
        *,
        book: MessageBook,
        ae_titles: AeTitles,
        send: Send,
        patience: Patience,
        sole: Callable[[], AbstractContextManager[bool]] = lambda: nullcontext(True),
    ) -> None:
        """Send with ``send``; ``sole`` gives the right to do so among nodes of one database."""
        self._book = book
        self._ae_titles = ae_titles
        self._send = send
        self._patience = patience
        self._sole = sole

    def sweep(self) -> None:
        """Send all that is due, each receiver's messages in the order in which they were made."""
        with self._sole() as is_mine:
            if not is_mine:
                return
            due = self._book.due(self._patience.clock(), channel=Channel.DIMSE, limit=_PAGE)
            for receiver, messages in groupby(
                sorted(due, key=lambda each: (each.receiver, each.number)),
                key=lambda each: each.receiver,
            ):
                self._serve(receiver, list(messages))

    def _serve(self, receiver: str, messages: Sequence[PeerMessage]) -> None:
        taken = 0
        try:
            for message, refusal in self._send(self._ae_titles.get(receiver), messages):
                now = self._patience.clock()
                if refusal:  # the next one may be welcome: a step that it has forgotten, say
                    self._book.give_up([message.number], refusal, at=now)
                    _LOG.error("message refused receiver=%s reason=%r", receiver, refusal)
                    continue
                self._book.taken([message.number], at=now)
                taken += 1
        except NodeError as error:
            self._away(receiver, messages, str(error))
        if taken:
            _LOG.info("messages taken receiver=%s count=%d", receiver, taken)

    def _away(self, receiver: str, messages: Sequence[PeerMessage], error: str) -> None:
        now = self._patience.clock()
        over = [each.number for each in messages if self._patience.is_over(each.attempts)]
        if over:
            self._book.give_up(over, error, at=now)
            _LOG.error(
                "messages given up receiver=%s count=%d reason=%r", receiver, len(over), error
            )
        # The newest waits as the oldest does: none may overtake another.
        later = self._patience.next_try(max(each.attempts for each in messages))
        self._book.untaken(receiver, error, not_before=later)
        _LOG.warning("messages not taken receiver=%s reason=%r", receiver, error)
