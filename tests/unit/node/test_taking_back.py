"""A verdict is taken back whether or not the Warehouse is there to hear of it."""

from datetime import UTC, datetime
from pathlib import Path

from dicom_node.domain.review.review import Reviewer, ReviewerRole, ReviewState, Verdict
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.attributes import keep_attributes
from dicom_node.persistence.review.reopening import ReopeningStore
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers.reading_room import settings_in
from tests.schema import give_schema
from tests.unit.builders import a_described_instance

ADA = Reviewer(user_name="ada", person_name="Ada", organisation="", role=ReviewerRole.VERIFIER)


def test_it_is_taken_back_while_the_warehouse_is_away(tmp_path: Path) -> None:
    repositories = Repositories(settings_in(tmp_path))
    give_schema(repositories.engine)  # the Warehouse has none
    details, queue = fake_details(1), repositories.review_queue()
    item = details.item
    image = a_described_instance(
        "1.2.3.1.1.1", study=item.study_instance_uid, series="1.2.3.1.1", PatientID="P"
    )
    with repositories.engine.begin() as connection:
        keep_attributes(connection, [image])
    queue.add(item, details.findings)
    queue.claim(item.item_id, ADA)
    queue.decide(Verdict(item_id=item.item_id, reviewer=ADA, rejected=True))
    queue.conclude(item.item_id, at=datetime.now(UTC))
    assert queue.reopen(item.item_id, ADA, "wrong").state is ReviewState.CLAIMED
    (taken,) = queue.history(item.item_id)
    assert ReopeningStore(repositories.engine).still_learned() == (taken,), "by the next sweep"
    repositories.close()
