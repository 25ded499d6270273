"""Puts the pages together: their frame, their sections, and DICOMweb under the same sign-in."""

from collections.abc import AsyncIterator, Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydicom import Dataset

from dicom_node.administration.administration import Administration
from dicom_node.audit.trail import Record, unrecorded
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.data_sets import header
from dicom_node.dicomweb.decoding import Decoder
from dicom_node.dicomweb.errors import UnknownResourceError
from dicom_node.dicomweb.router import make_router as make_dicomweb
from dicom_node.dicomweb.storing import is_store, make_store_router
from dicom_node.dicomweb.uploads import Sender, Uploads
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.user import Permission
from dicom_node.node.archive_catalogue import ArchiveCatalogue
from dicom_node.node.clock import utc_now
from dicom_node.node.evidence_download import MayReadImages, make_evidence_download
from dicom_node.node.fetching import prior_rule
from dicom_node.node.priors_shown import PriorsShown
from dicom_node.node.repositories import Repositories
from dicom_node.node.single_sign_on import make_single_sign_on
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.web import uploading
from dicom_node.web.administration.sections import make_sections
from dicom_node.web.api import reviews
from dicom_node.web.api.callers import Caller, needing
from dicom_node.web.api.router import make_api, make_documentation
from dicom_node.web.application import Pages
from dicom_node.web.audit import AuditPort, make_audit
from dicom_node.web.devices.ports import DeviceDesk
from dicom_node.web.devices.router import make_calibration, make_drift
from dicom_node.web.frame import Frame, Section
from dicom_node.web.records import Accesses
from dicom_node.web.request_limits import Streams
from dicom_node.web.review.priors import FindPriors
from dicom_node.web.review.reading_first import (
    UnreadBy,
    Withheld,
    WithheldFrom,
    everything_is_read,
    withholds_nothing,
)
from dicom_node.web.review.router import make_router as make_review_pages
from dicom_node.web.review.study import StudyHeading
from dicom_node.web.sessions import allows, session_secret


def make_pages(
    settings: NodeSettings,
    repositories: Repositories,
    review_queue: ReviewQueue | None,
    *,
    version: str,
    devices: DeviceDesk | None = None,
    administration: Administration | None = None,
    uploads: Uploads | None = None,
    decoder: Decoder | None = None,
    record: Record = unrecorded,
    audit: AuditPort | None = None,
) -> Pages:
    """Return the pages over a node's stores; without a worklist there is no such section.

    ``devices`` is what the pages of calibration and drift read; None leaves them out. So
    does ``administration`` with its pages and the REST API, and ``uploads`` with STOW-RS.

    A further page is one more ``Section`` here (see ``dicom_node.web.frame``).
    """
    frame = Frame(version=version)
    catalogue = ArchiveCatalogue(repositories)
    sections = []
    if review_queue is not None:
        router = make_review_pages(
            frame,
            review_queue,
            Headings(catalogue),
            utc_now,
            subjects=repositories.subjects.of,
            find_studies=repositories.subjects.studies_of,
            set_reads_first=repositories.users.set_reads_first,
            find_priors=_priors(settings, repositories),
        )
        sections.append(
            Section(
                title="Worklist",
                path="/worklist",
                router=router,
                is_for=allows(Permission.REVIEW),
            )
        )
    withheld: WithheldFrom = withholds_nothing
    unread: UnreadBy = everything_is_read
    if review_queue is not None:
        withheld = Withheld(review_queue)
        unread = withheld.studies
    reading = make_dicomweb(
        catalogue,
        repositories.search,
        decoder,
        withheld=WithheldSeries(repositories.hotbase, unread),
    )
    interfaces = [_for_readers(reading)]
    if uploads is not None:
        interfaces.append(make_store_router(uploads, _sender(settings)))
    if administration is not None:
        sections += make_sections(frame, administration, withheld)
        api = make_api(administration, withheld)
        api.include_router(make_evidence_download(catalogue, withheld))
        if review_queue is not None:
            api.include_router(reviews.make_router(review_queue))
        if audit is not None:
            section, service = make_audit(frame, audit)
            sections.append(section)
            api.include_router(service)
        interfaces += [api, make_documentation(frame, api, version)]
    if administration is not None and uploads is not None:
        most = settings.web.max_upload_bytes
        sections.append(
            Section(
                title="Upload",
                path=uploading.PATH,
                router=uploading.make_router(
                    frame, administration.uploaded, most_bytes=most, withheld=withheld
                ),
                is_for=allows(Permission.UPLOAD),
            )
        )
    if devices is not None:
        calibration, drift = make_calibration(frame, devices), make_drift(frame, devices)
        sections += [
            Section(title=title, path=path, router=router, is_for=allows(Permission.DEVICES))
            for title, path, router in (
                ("Calibration", "/calibration", calibration),
                ("Drift", "/drift", drift),
            )
        ]
    if settings.openid.only:
        # Whoever has one would be signed in again as soon as passwords count again.
        repositories.sessions.end_of_passwords()
    return Pages(
        frame=frame,
        accounts=repositories.users,
        sessions=repositories.sessions,
        record=record,
        secret=session_secret(settings.common_dir / "session.key"),
        clock=utc_now,
        https=settings.web.is_secure,
        sections=sections,
        people=administration.people if administration is not None else None,
        single=make_single_sign_on(settings, repositories),
        interfaces=interfaces,
        streams=Streams(is_one=is_store, max_bytes=settings.web.max_upload_bytes),
    )


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


class Headings:
    """Reads who and what an image shows from its header in the archive."""

    def __init__(self, catalogue: ArchiveCatalogue) -> None:
        self._catalogue = catalogue

    def __call__(self, sop_instance_uid: str) -> StudyHeading | None:
        """Return the heading in one image's header; None where the image cannot be read."""
        found = self._catalogue.find(sop_instance_uid)
        if found is None:
            return None
        try:
            dataset = header(found.path)
        except UnknownResourceError:
            return None
        return StudyHeading(
            patient_name=_name(dataset),
            patient_id=_text(dataset, "PatientID"),
            birth_date=_day(dataset, "PatientBirthDate"),
            sex=_text(dataset, "PatientSex"),
            study_date=_day(dataset, "StudyDate"),
            description=_text(dataset, "StudyDescription") or _text(dataset, "SeriesDescription"),
            accession_number=_text(dataset, "AccessionNumber"),
        )


def _priors(settings: NodeSettings, repositories: Repositories) -> FindPriors:
    return PriorsShown(repositories, repositories.review_queue(), prior_rule(settings)).of_study


def _for_readers(router: APIRouter) -> APIRouter:
    """Let only those see images and headers who read them; nobody by administering the node.

    They may be signed in at the pages, or have a token with that scope.
    """
    accesses = Accesses()

    async def recorded(request: Request, who: MayReadImages) -> AsyncIterator[None]:
        request.state.caller = who
        yield  # a request that fails raises here
        study = request.path_params.get("study")
        searches = request.url.path.rstrip("/").endswith(_SEARCHES)
        if study is None or searches:
            accesses.asked(request, user=who.actor)
        else:
            accesses.seen(request, study, user=who.actor, how="DICOMweb")

    guarded = APIRouter(dependencies=[Depends(recorded)])
    guarded.include_router(router)
    return guarded


def _sender(settings: NodeSettings) -> Callable[..., Sender]:
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


def _text(dataset: Dataset, keyword: str) -> str:
    return str(dataset.get(keyword) or "").strip()


def _name(dataset: Dataset) -> str:
    """Return the name as people write it: family name, then the others."""
    parts = [part for part in _text(dataset, "PatientName").partition("=")[0].split("^") if part]
    return ", ".join([parts[0], " ".join(parts[1:])] if len(parts) > 1 else parts)


def _day(dataset: Dataset, keyword: str) -> str:
    text = _text(dataset, keyword)
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdecimal() else text
