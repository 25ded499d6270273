"""Whoever must read first is told by nothing what the model found, until they have said it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from pydicom.uid import Comprehensive3DSRStorage

from dicom_node.domain.review.first_reading import FirstReading
from dicom_node.domain.review.review import ReviewState, Verdict
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.tables import REMARKS
from dicom_node.web.review.people import reviewer
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.peers.office import ANALYSED, office_application, office_stores
from tests.unit.web.test_permissions import NoUploads
from tests.unit.web.test_sign_in import sign_in
from tests.unit.web.test_uploading import a_report, an_overlay

ITEM = fake_details(1).item.item_id
_STUDY = f"/dicom-web/studies/{ANALYSED}"
EARLIER = fake_details(2).item.item_id
JUDGED = fake_details(3).item.item_id
_REMARK = "Attention outside the lungs"
# Wherever a result may be seen, with what it would be told by.
PLACES = {
    "/worklist": "Opacity",
    f"/worklist/items/{ITEM}": "Model says",
    f"/upload/studies?study={ANALYSED}": "opacity",
    f"/studies/{ANALYSED}": "Made:",
    f"/api/v1/studies/{ANALYSED}": "1.2.8.1",
    f"/api/v1/studies/{ANALYSED}/evidence": "1.2.8.1",
    "/worklist?shown=superseded": "Opacity",
    f"/worklist/items/{EARLIER}": "Model says",
    f"/api/v1/reviews/{JUDGED}": '"rejected":true',
    f"/studies/{ANALYSED}?remarks": _REMARK,
    f"/api/v1/studies/{ANALYSED}?remarks": _REMARK,
    f"/dicom-web/studies?StudyInstanceUID={ANALYSED}": '"SR"',
    "/dicom-web/studies?ModalitiesInStudy=SR": ANALYSED,
    f"/dicom-web/studies?SOPClassesInStudy={Comprehensive3DSRStorage}": ANALYSED,
    f"{_STUDY}/series": "1.2.8",
    f"{_STUDY}/instances": "1.2.8.1",
    "/dicom-web/series": "1.2.8",
    "/dicom-web/series?limit=1": "1.2.8",
    "/dicom-web/instances?SOPInstanceUID=1.2.8.1": "1.2.8.1",
    f"{_STUDY}/series/1.2.8/metadata": "1.2.8.1",
    f"{_STUDY}/series/1.2.8/instances/1.2.8.1": "1.2.8.1",
    f"/dicom-web/wado?requestType=WADO&studyUID={ANALYSED}&seriesUID=1.2.8&objectUID=1.2.8.1"
    "&contentType=application/dicom": "1.2.8.1",
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repositories]:
    with office_stores(tmp_path_factory.mktemp("office")) as made:
        made.received.open()
        made.evidence.open()
        job = made.hotbase.jobs(ANALYSED)[0]["job_id"]
        made.hotbase.keep_evidence([a_report(made, job), replace(an_overlay(job), problems=("x",))])
        remark = {"job_id": job, "sop_instance_uid": f"{ANALYSED}.1", "kind": "outside"}
        with made.engine.begin() as connection:
            connection.execute(sa.insert(REMARKS).values(**remark, detail=_REMARK))
        yield made


@pytest.fixture(scope="module", params=["by rule", "by wish"])
def said(request: pytest.FixtureRequest, stores: Repositories) -> Iterator[dict[str, list[str]]]:
    """What each place says before and after a reader has said what is to be seen."""
    by_rule = request.param == "by rule"
    details = fake_details(1)
    item = replace(details.item, study_instance_uid=ANALYSED, reads_first=by_rule)
    review_queue = FakeReviewQueue()
    earlier = fake_details(2)
    superseded = replace(
        item,
        item_id=EARLIER,
        state=ReviewState.SUPERSEDED,
        superseded_by=ITEM,
        created_at=item.created_at - timedelta(hours=1),
    )
    review_queue.add(replace(earlier, item=superseded))
    review_queue.add(replace(details, item=item))
    judged = replace(fake_details(3).item, study_instance_uid=ANALYSED)
    review_queue.add(replace(fake_details(3), item=judged))
    otto = reviewer(stores.users.get("otto"))
    review_queue.claim(JUDGED, otto)
    review_queue.decide(Verdict(item_id=JUDGED, reviewer=otto, rejected=True))
    stores.users.set_reads_first("ada", not by_rule)
    application = office_application(stores, uploads=NoUploads(), review_queue=review_queue)
    client = TestClient(application, headers={"Accept": "*/*"})
    assert sign_in(client, "ada") == 303
    ada = reviewer(stores.users.get("ada"))
    review_queue.claim(ITEM, ada)
    before = {path: client.get(path).content.decode("latin-1") for path in PLACES}
    review_queue.say_first(
        FirstReading(item_id=ITEM, reader="ada", labels=("opacity",), present=(), by_model=())
    )
    after = {path: client.get(path).content.decode("latin-1") for path in PLACES}
    yield {path: [before[path], after[path]] for path in PLACES}
    stores.users.set_reads_first("ada", False)


@pytest.mark.slow
@pytest.mark.parametrize("path", PLACES)
def test_nothing_tells_what_the_model_found(said: dict[str, list[str]], path: str) -> None:
    before, after = said[path]
    assert PLACES[path] not in before
    assert PLACES[path] in after, "it is there once it may be known"
