"""A study that was fetched as a prior is not analysed by what was fetched of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from dicom_node.administration.studies import Studies
from dicom_node.domain.retrieval import Purpose
from dicom_node.domain.study import StudyState
from dicom_node.domain.wanted_study import WantedState, WantedStudy
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.node.clock import utc_now
from dicom_node.node.mending import make_studies
from dicom_node.node.repositories import Repositories
from dicom_node.node.wanting import next_revision
from dicom_node.persistence.corridor.retrievals import RetrievalStore
from tests.peers.office import office_stores
from tests.unit.builders import EPOCH, a_described_instance

PRIOR = "1.2"


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Repositories]:
    """A node that has one study, of which an image was fetched as a prior's."""
    with office_stores(tmp_path) as made:
        retrievals = RetrievalStore(made.engine)
        retrievals.begin(PRIOR, "PACS", Purpose.PRIOR, at=EPOCH)
        image = a_described_instance("1.2.1.1", study=PRIOR, series="1.2.1", PatientID="P1")
        made.index.record([replace(image, calling_ae="PACS")])
        retrievals.end(PRIOR, "PACS", Purpose.PRIOR, until=EPOCH + timedelta(seconds=1))
        assert made.index.study(PRIOR).state is StudyState.PRIOR
        yield made


def studies(stores: Repositories, archive: str) -> Studies:
    return Studies(
        index=stores.index,
        lists=stores.traffic,
        results=stores.hotbase,
        deliveries=stores.deliveries,
        wanted=stores.wanted,
        archive=archive,
        trail=stores.audit,
        clock=utc_now,
    )


def test_the_rest_of_a_prior_is_fetched_before_it_is_analysed(stores: Repositories) -> None:
    studies(stores, "PACS").rerun(PRIOR, actor="otto")
    assert stores.wanted.wanted(PRIOR) == WantedStudy(
        study_instance_uid=PRIOR, archive="PACS", sender="PACS", state=WantedState.WAITING
    )
    assert stores.index.study(PRIOR).state is StudyState.PRIOR


def test_without_an_archive_a_prior_is_not_analysed_and_that_is_said(stores: Repositories) -> None:
    with pytest.raises(ConflictError, match=r"retrieval\.archive"):
        make_studies(stores).rerun(PRIOR, actor="otto")
    assert stores.index.study(PRIOR).state is StudyState.PRIOR
    with pytest.raises(NotFoundError):
        make_studies(stores).rerun("1.2.3.4", actor="otto")


@pytest.mark.slow
def test_a_study_whose_images_were_removed_is_fetched_before_it_is_analysed(
    stores: Repositories,
) -> None:
    study = "1.5"
    stores.index.record([a_described_instance("1.5.1.1", study=study, series="1.5.1")])
    claimed = stores.index.claim(study, by="workflow", at=EPOCH)
    assert claimed is not None
    stores.index.finish(claimed, StudyState.NOT_ROUTED)
    settled = stores.retention.settled(utc_now())
    (found,) = (each for each in settled if each.study_instance_uid == study)
    assert stores.retention.forget_images(found, at=EPOCH, why="images removed by age")

    with pytest.raises(ConflictError, match="were removed"):
        make_studies(stores).rerun(study, actor="otto")
    assert stores.index.study(study).state is StudyState.NOT_ROUTED
    studies(stores, "PACS").rerun(study, actor="otto")
    wanted = stores.wanted.wanted(study)
    assert wanted is not None
    assert wanted.archive == "PACS"
    assert next_revision(stores, study) == 2
    assert next_revision(stores, "1.6") == 1
