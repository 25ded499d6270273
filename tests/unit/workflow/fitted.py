"""A fitting and a proving for tests of other stages: destinations take and keep everything."""

from itertools import count
from pathlib import Path

import sqlalchemy as sa

from dicom_node.archive.objects import DicomObjects
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.domain.delivery import RetryPolicy
from dicom_node.persistence.corridor.commitments import CommitmentStore
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.proofs import ProofStore
from dicom_node.workflow.delivery.fit import Fitting
from dicom_node.workflow.delivery.ports import Prover
from dicom_node.workflow.delivery.proving import ProvingParts
from dicom_node.workflow.ports import Clock, Substitutes
from dicom_node.workflow.testing.fakes import FakeAcceptance, FakeProver, FakeSubstitutes


def fitting(
    hotbase: Hotbase,
    deliveries: DeliveryStore,
    clock: Clock,
    root: Path = Path("/nonexistent"),
    substitutes: Substitutes | None = None,
) -> Fitting:
    """Return a fitting that has nothing to do, and so reads and writes no files."""
    archive = StorageArchive(ArchiveSettings(root=root))
    return Fitting(
        results=hotbase,
        deliveries=deliveries,
        substitutes=substitutes or FakeSubstitutes(),
        archive=DicomObjects(received=archive, evidence=archive, ae_title="AINODE", clock=clock),
        acceptance=FakeAcceptance(),
        clock=clock,
    )


def proving(engine: sa.Engine, clock: Clock, prover: Prover | None = None) -> ProvingParts:
    """Return what proves deliveries to destinations that are asked by ``prover``."""
    numbers = count(1)
    return ProvingParts(
        ledger=DeliveryStore(engine),
        proofs=ProofStore(engine),
        commitments=CommitmentStore(engine),
        results=Hotbase(engine),
        substitutes=FakeSubstitutes(),
        prover=prover or FakeProver(),
        make_uid=lambda: f"2.25.{next(numbers)}",
        clock=clock,
        policy=RetryPolicy(),
    )
