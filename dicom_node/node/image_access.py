"""Who may read images over the web, who may store them, and what is kept from whom."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.uploads import Sender
from dicom_node.domain.user import Permission
from dicom_node.node.evidence_download import MayReadImages
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.web.api.callers import Caller, needing
from dicom_node.web.records import Accesses
from dicom_node.web.review.reading_first import UnreadBy

_SEARCHES = ("/studies", "/series", "/instances")


class WithheldSeries:
    """Which series of the node are kept from somebody who must read a study first."""

    def __init__(self, results: Hotbase, unread: UnreadBy) -> None:
        self._results = results
        self._unread = unread

    def __call__(self, request: Request, study: str | None) -> frozenset[str]:
        """Return the series of results of a study, or of all; none if the caller is no reader."""
        who: Caller = request.state.caller
        if Permission.REVIEW not in who.permissions:
            return frozenset()
        return self._results.series_made_of(self._unread(who.user, study))


def for_readers(router: APIRouter) -> APIRouter:
    """Let only those see images and headers who read them; nobody by administering the node.

    They may be signed in at the pages, or have a token with that scope.
    """
    accesses = Accesses()

    async def recorded(request: Request, who: MayReadImages) -> AsyncIterator[None]:
        request.state.caller = who
        yield  # a request that fails raises here
        # The URI service names its object in the query.
        study = request.path_params.get("study") or request.query_params.get("studyUID")
        if request.url.path.rstrip("/").endswith(_SEARCHES):
            accesses.asked(request, user=who.actor)
        elif study is not None:  # the capabilities are nobody's
            accesses.seen(request, study, user=who.actor, how="DICOMweb")

    guarded = APIRouter(dependencies=[Depends(recorded)])
    guarded.include_router(router)
    return guarded


def sender_by_token(settings: NodeSettings) -> Callable[..., Sender]:
    """Return what says as which AE title a caller stores, and lets nobody else in."""

    def sender(
        request: Request, who: Annotated[Caller, Depends(needing(Permission.UPLOAD))]
    ) -> Sender:
        return Sender(
            ae_title=who.sender or settings.web.upload_ae_title,
            actor=who.actor,
            address=request.client.host if request.client else "",
        )

    return sender
