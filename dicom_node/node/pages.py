"""Puts the pages together: their frame, their sections, and DICOMweb under the same sign-in."""

from dicom_node.administration.administration import Administration
from dicom_node.audit.trail import Record, unrecorded
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.decoding import Decoder
from dicom_node.dicomweb.router import make_router as make_dicomweb
from dicom_node.dicomweb.storing import is_store, make_store_router
from dicom_node.dicomweb.uploads import Uploads
from dicom_node.domain.review.queue import ReviewQueue
from dicom_node.domain.user import Permission
from dicom_node.node.archive_catalogue import ArchiveCatalogue
from dicom_node.node.clock import utc_now
from dicom_node.node.evidence_download import make_evidence_download
from dicom_node.node.fetching import prior_rule
from dicom_node.node.headings import Headings
from dicom_node.node.image_access import WithheldSeries, for_readers, sender_by_token
from dicom_node.node.priors_shown import PriorsShown
from dicom_node.node.repositories import Repositories
from dicom_node.node.single_sign_on import make_single_sign_on
from dicom_node.web import uploading
from dicom_node.web.administration.sections import make_sections
from dicom_node.web.api import reviews
from dicom_node.web.api.router import make_api, make_documentation
from dicom_node.web.application import Pages
from dicom_node.web.audit import AuditPort, make_audit
from dicom_node.web.devices.ports import DeviceDesk
from dicom_node.web.devices.router import make_calibration, make_drift
from dicom_node.web.frame import Frame, Section
from dicom_node.web.request_limits import Streams
from dicom_node.web.review.reading_first import (
    UnreadBy,
    Withheld,
    WithheldFrom,
    everything_is_read,
    withholds_nothing,
)
from dicom_node.web.review.router import make_router as make_review_pages
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
    sections: list[Section] = []
    interfaces = [for_readers(reading)]
    if review_queue is not None:
        sections.append(_worklist(frame, settings, repositories, review_queue, catalogue))
    if uploads is not None:
        interfaces.append(make_store_router(uploads, sender_by_token(settings)))
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
        sections.append(_upload(frame, settings, administration, withheld))
    if devices is not None:
        sections += _devices(frame, devices)
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


def _worklist(
    frame: Frame,
    settings: NodeSettings,
    repositories: Repositories,
    review_queue: ReviewQueue,
    catalogue: ArchiveCatalogue,
) -> Section:
    priors = PriorsShown(repositories, repositories.review_queue(), prior_rule(settings))
    router = make_review_pages(
        frame,
        review_queue,
        Headings(catalogue),
        utc_now,
        subjects=repositories.subjects.of,
        find_studies=repositories.subjects.studies_of,
        set_reads_first=repositories.users.set_reads_first,
        find_priors=priors.of_study,
    )
    return Section(
        title="Worklist", path="/worklist", router=router, is_for=allows(Permission.REVIEW)
    )


def _upload(
    frame: Frame, settings: NodeSettings, administration: Administration, withheld: WithheldFrom
) -> Section:
    router = uploading.make_router(
        frame,
        administration.uploaded,
        most_bytes=settings.web.max_upload_bytes,
        withheld=withheld,
    )
    return Section(
        title="Upload", path=uploading.PATH, router=router, is_for=allows(Permission.UPLOAD)
    )


def _devices(frame: Frame, devices: DeviceDesk) -> list[Section]:
    calibration, drift = make_calibration(frame, devices), make_drift(frame, devices)
    return [
        Section(title=title, path=path, router=router, is_for=allows(Permission.DEVICES))
        for title, path, router in (
            ("Calibration", "/calibration", calibration),
            ("Drift", "/drift", drift),
        )
    ]
