"""The corridor of a node: its stages over the node's stores and models."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.route import Route
from dicom_node.node.clock import utc_now
from dicom_node.node.fetching import comparing_of, giving_of
from dicom_node.node.identity import evidence_context, routing_of
from dicom_node.node.isolated import Isolated
from dicom_node.node.last_resort import LastResort
from dicom_node.node.ordering import orders_of
from dicom_node.node.repositories import Repositories
from dicom_node.node.review import review_stages
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.analysis.infer import Inference
from dicom_node.workflow.analysis.patients import Patients
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.route import Routing
from dicom_node.workflow.analysis.set_aside import RejectedImages
from dicom_node.workflow.analysis.slots import Slots
from dicom_node.workflow.analysis.watch import DeviceWatch
from dicom_node.workflow.delivery.plan import Planning
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import Clock, Expected
from dicom_node.workflow.priors.fetching import PriorFetching


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the corridor asks of the rest of the node."""

    models: Isolated
    routes: Callable[[], tuple[Route, ...]]
    review_queue: HotbaseReviewQueue
    is_carried: Callable[[str], bool]
    expected: Expected
    clock: Clock
    fetching: PriorFetching | None


def make_corridor(
    settings: NodeSettings, repositories: Repositories, around: Surroundings
) -> Corridor:
    """Return the stages, wired."""
    context = functools.partial(evidence_context, settings)
    orders = orders_of(settings, repositories)
    rejected = RejectedImages(repositories.objects).among
    return Corridor(
        completion=Completion(
            index=repositories.index,
            results=repositories.hotbase,
            ae_titles=repositories.ae_titles,
            is_carried=around.is_carried,
            patience=settings.workflow.association_patience,
            clock=around.clock,
            announced=repositories.announcements.announced,
            expected=around.expected,
        ),
        routing=Routing(
            routes=around.routes,
            index=repositories.index,
            results=repositories.hotbase,
            ae_titles=repositories.ae_titles,
            patients=Patients(
                decisions=repositories.patient_decisions, results=repositories.hotbase
            ),
            models=around.models,
            clock=utc_now,
            identity=routing_of(settings),
            tells_unrouted=settings.evidence.report_unrouted,
            rejected=rejected,
            conflicts=repositories.conflicts.of_study,
            fetched=repositories.retrievals.fetched,
        ),
        inference=Inference(
            index=repositories.index,
            results=repositories.hotbase,
            models=around.models,
            watch=DeviceWatch(repositories.observations),
            clock=utc_now,
            archive=settings.retrieval.archive,
            announced=repositories.announcements.announced,
            orders=orders,
            beside=giving_of(settings, repositories, around.models, around.fetching).predict,
            routes=around.routes,
            rejected=rejected,
            conflicts=repositories.conflicts.of_study,
        ),
        reporting=Reporting(
            index=repositories.index,
            results=repositories.hotbase,
            deliveries=repositories.deliveries,
            substitutes=repositories.substitutes,
            external=repositories.external,
            ae_titles=repositories.ae_titles,
            maker=around.models,
            last_resort=LastResort(repositories.summaries),
            context=context,
            clock=utc_now,
            orders=orders,
            before=comparing_of(repositories, around.review_queue).before,
        ),
        planning=Planning(
            results=repositories.hotbase, ledger=repositories.deliveries, clock=utc_now
        ),
        review=review_stages(repositories, around.review_queue, around.routes, context),
        slots=Slots(settings.workflow.parallel_studies),
    )
