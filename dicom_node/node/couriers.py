"""What the node's couriers work with."""

import functools
import random
import time
from collections.abc import Callable

from dicom_node.audit.events import Peer, StudyPart, transfer
from dicom_node.audit.message import THIS_NODE
from dicom_node.audit.trail import Record, unrecorded
from dicom_node.backup.backup import TRAVEL
from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.prover import QidoProver
from dicom_node.dicomweb.sender import StowSender, UntoldAcceptance
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.delivery import RetryPolicy
from dicom_node.instruments import Instruments
from dicom_node.network.acceptance import NegotiatedAcceptance
from dicom_node.network.associations import Destination
from dicom_node.network.prover import PeerProver, new_uid
from dicom_node.network.sender import StorageSender
from dicom_node.network.status import is_final
from dicom_node.network.travel import Pack, TravelFiles, packed_by_nobody
from dicom_node.node.clock import utc_now
from dicom_node.node.either_way import EitherAcceptance, EitherProver, EitherSender
from dicom_node.node.measuring import MeasuredSender
from dicom_node.node.peers import (
    address_of,
    retry_policy,
    scu_timeouts,
    web_peer_of,
    web_timeouts,
)
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.sole import DestinationLocks
from dicom_node.workflow.delivery.courier import CourierParts
from dicom_node.workflow.delivery.fit import Fitting
from dicom_node.workflow.delivery.ports import Sending
from dicom_node.workflow.delivery.proving import ProvingParts


def courier_parts(
    settings: NodeSettings,
    repositories: Repositories,
    instruments: Instruments,
    *,
    record: Record = unrecorded,
    pack: Pack = packed_by_nobody,
) -> CourierParts:
    """Return the parts of couriers that send with this node's AE title.

    ``pack`` compresses objects for their way, where somebody has time for it.
    """

    def tell(sending: Sending) -> None:
        study, _ = repositories.hotbase.job_instances(sending.job_id)
        entity = sending.destination
        record(
            transfer(
                StudyPart(study=study, classes=sending.classes),
                source=Peer(name=THIS_NODE),
                destination=Peer(name=entity.title, address=entity.host),
                at=utc_now(),
                problem=sending.error,
            )
        )

    def expect(title: str) -> None:
        destination = repositories.ae_titles.find(title)
        if destination is not None and not destination.url:
            dimse.expect(destination)

    def address_to_ask_at(destination: ApplicationEntity) -> Destination:
        peer = address(destination)
        dimse.forgo(peer)
        return peer

    policy = retry_policy(settings)
    address = functools.partial(address_of, settings)
    dimse = StorageSender(
        ae_title=settings.network.ae_title,
        timeouts=scu_timeouts(settings),
        path_of=repositories.objects.evidence_path,
        address=address,
        travel=TravelFiles(
            settings.data_dir / TRAVEL,
            min_free_bytes=settings.network.min_free_bytes,
            elsewhere=pack,
        ),
    )
    return CourierParts(
        ledger=repositories.deliveries,
        results=repositories.hotbase,
        ae_titles=repositories.ae_titles,
        sender=MeasuredSender(
            EitherSender(
                dimse=dimse,
                web=StowSender(
                    timeouts=web_timeouts(settings),
                    path_of=repositories.objects.evidence_path,
                    address=functools.partial(web_peer_of, settings),
                    is_final=is_final,
                ),
            ),
            instruments,
        ),
        fitting=Fitting(
            results=repositories.hotbase,
            deliveries=repositories.deliveries,
            substitutes=repositories.substitutes,
            archive=repositories.objects,
            acceptance=EitherAcceptance(
                dimse=NegotiatedAcceptance(
                    ae_title=settings.network.ae_title,
                    timeouts=scu_timeouts(settings),
                    address=address_to_ask_at,
                ),
                web=UntoldAcceptance(),
            ),
            clock=utc_now,
        ),
        proving=_proving_parts(settings, repositories, policy, address_to_ask_at),
        policy=policy,
        chance=random.random,
        clock=utc_now,
        monotonic=time.monotonic,
        ahead=lambda entity, paths: None if entity.url else dimse.prepare(entity, paths),
        sole=DestinationLocks(repositories.engine).one,
        tell=tell,
        expect=expect,
    )


def _proving_parts(
    settings: NodeSettings,
    repositories: Repositories,
    policy: RetryPolicy,
    address: Callable[[ApplicationEntity], Destination],
) -> ProvingParts:
    return ProvingParts(
        ledger=repositories.deliveries,
        proofs=repositories.proofs,
        commitments=repositories.commitments,
        results=repositories.hotbase,
        substitutes=repositories.substitutes,
        prover=EitherProver(
            dimse=PeerProver(
                ae_title=settings.network.ae_title,
                timeouts=scu_timeouts(settings),
                address=address,
                answers=repositories.commitments,
            ),
            web=QidoProver(
                timeouts=web_timeouts(settings), address=functools.partial(web_peer_of, settings)
            ),
        ),
        make_uid=new_uid,
        clock=utc_now,
        policy=policy,
        patience=settings.workflow.commitment_patience,
    )
