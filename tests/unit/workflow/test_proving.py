"""A delivery is done when its destination has shown that it keeps what it took."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Proof, Role
from dicom_node.domain.commitment import (
    CommitmentResult,
    Failure,
    FailureReason,
    Reference,
    UnknownTransactionError,
)
from dicom_node.domain.delivery import Delivery, DeliveryState, RetryPolicy
from dicom_node.persistence.corridor.commitments import CommitmentStore
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_courier import DAY, Office

pytestmark = pytest.mark.slow

SENT, RETRYING = DeliveryState.SENT, DeliveryState.RETRYING
DELIVERED, FAILED = DeliveryState.DELIVERED, DeliveryState.FAILED
PATIENCE = 3600.0


class Ward(Office):
    """An office whose PACS commits to what it takes, or is asked for it."""

    def __init__(self, engine: sa.Engine, proof: Proof) -> None:
        super().__init__(engine)
        self.commitments = CommitmentStore(engine)
        self.becomes(proof)

    def becomes(self, proof: Proof) -> None:
        pacs = an_entity("PACS", roles=frozenset({Role.PACS}), proof=proof)
        self.ae_titles.put(pacs, actor="t", at=EPOCH)

    def answer(self, *failed: str, number: int = -1) -> None:
        """Answer a request, the last one unless said: all is kept but what has failed."""
        request = self.prover.requests[number]
        self.commitments.answer(
            CommitmentResult(
                transaction_uid=request.transaction_uid,
                committed=tuple(
                    each for each in request.references if each.sop_instance_uid not in failed
                ),
                failed=tuple(
                    Failure(
                        reference=Reference(sop_class_uid="1.2.3", sop_instance_uid=uid),
                        reason=FailureReason.NO_SUCH_INSTANCE,
                    )
                    for uid in failed
                ),
            ),
            at=self.clock(),
        )

    def standing(self, delivery: Delivery) -> str:
        return self.deliveries.get(delivery.delivery_id).standing

    def pass_and_round(self, seconds: float) -> None:
        """Let time pass in steps that a working courier takes."""
        end = self.monotonic + seconds
        while self.monotonic < end:
            self.pass_time(120)
            self.courier.round()


@pytest.fixture
def ward(engine: sa.Engine) -> Ward:
    return Ward(engine, Proof.COMMITMENT)


def test_a_result_is_there_when_its_destination_has_committed_to_it(ward: Ward) -> None:
    delivery = ward.planned()
    assert ward.courier.round() is not None, "the answer is waited for"
    assert (ward.state(delivery), ward.standing(delivery)) == (SENT, "sent")
    (request,) = ward.prover.requests
    assert {each.sop_instance_uid for each in request.references} == {"2.97.1", "2.97.2"}

    ward.courier.round()
    assert len(ward.prover.requests) == 1, "nobody is asked twice"
    ward.answer()
    assert ward.courier.round() is None

    assert (ward.state(delivery), ward.standing(delivery)) == (DELIVERED, "committed")
    assert ward.deliveries.standings() == {("PACS", "committed"): 1}


def test_an_answer_that_came_while_the_node_was_down_counts(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    ward.answer()
    ward.courier = ward.a_courier()
    ward.courier.round()
    assert ward.standing(delivery) == "committed"


def test_what_it_does_not_commit_to_is_sent_again_and_only_that(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    ward.answer("2.97.2")
    ward.courier.round()
    assert (ward.state(delivery), ward.standing(delivery)) == (RETRYING, "not committed")
    error = ward.deliveries.get(delivery.delivery_id).last_error
    assert error == ("no commitment to 1 object: 2.97.2: no such object instance (0x0112)")
    ward.pass_time(60)
    ward.courier.round()
    assert ward.sent() == ["a1", "a2", "a2"]
    ward.answer()
    ward.courier.round()
    assert ward.standing(delivery) == "committed"


def test_what_it_never_commits_to_is_given_up_after_the_third_time(ward: Ward) -> None:
    delivery = ward.planned()
    for _ in range(3):
        ward.courier.round()
        ward.answer("2.97.2")
        ward.courier.round()
        ward.pass_time(700)
    assert (ward.state(delivery), ward.standing(delivery)) == (FAILED, "not committed")
    assert ward.sent() == ["a1", "a2", "a2", "a2"]
    assert ward.courier.round() is None

    assert ward.deliveries.retry_given_up() == 1
    ward.courier.round()
    ward.answer()
    ward.courier.round()
    assert ward.standing(delivery) == "committed"


def test_a_destination_that_never_answers_is_asked_three_times(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    ward.pass_and_round(3 * PATIENCE + 600)
    assert len(ward.prover.requests) == 3
    assert (ward.state(delivery), ward.standing(delivery)) == (FAILED, "not committed")
    assert "did not commit within 3600 s" in ward.deliveries.get(delivery.delivery_id).last_error
    assert ward.sent() == ["a1", "a2"], "it never said that something is lacking"


def test_an_answer_counts_however_late_it_comes(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    ward.pass_and_round(3 * PATIENCE + 600)
    ward.answer(number=0)
    ward.courier.round()
    assert (ward.state(delivery), ward.standing(delivery)) == (DELIVERED, "committed")


def test_a_clock_that_jumps_gives_nothing_up(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    ward.clock.advance(4 * DAY)
    ward.courier.round()
    assert (ward.state(delivery), len(ward.prover.requests)) == (SENT, 1)


def test_a_destination_that_cannot_be_asked_gets_its_deliveries_all_the_same(ward: Ward) -> None:
    ward.prover.away = "does not offer storage commitment"
    first = ward.planned()
    assert ward.courier.round() is not None
    second = ward.planned("b")
    ward.courier.round()
    assert ward.sent() == ["a1", "a2", "b1", "b2"]
    assert ward.sender.probes == 0, "it is not down"
    assert {ward.standing(first), ward.standing(second)} == {"sent"}
    error = ward.deliveries.get(first.delivery_id).last_error
    assert error == "not asked yet: PACS does not offer storage commitment"
    ward.prover.away = ""
    ward.pass_time(60)
    ward.courier.round()
    assert len(ward.prover.requests) == 2


def test_what_can_never_be_asked_about_is_given_up_in_the_end(ward: Ward) -> None:
    ward.prover.away = "does not let the node in"
    ward.courier = ward.a_courier(RetryPolicy(give_up_after=timedelta(hours=1)))
    delivery = ward.planned()
    ward.pass_and_round(PATIENCE + 600)
    assert (ward.state(delivery), ward.standing(delivery)) == (FAILED, "not committed")


def test_an_object_that_was_added_is_committed_to_as_well(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    ward.deliveries.reopen(delivery.job_id, delivery.evidence_set)
    ward.answer()
    ward.courier.round()
    assert ward.state(delivery) is SENT
    assert len(ward.prover.requests) == 2
    ward.answer()
    ward.courier.round()
    assert ward.standing(delivery) == "committed"


def test_an_object_that_an_answer_does_not_name_has_no_commitment(ward: Ward) -> None:
    delivery = ward.planned()
    ward.courier.round()
    (request,) = ward.prover.requests
    only = CommitmentResult(
        transaction_uid=request.transaction_uid, committed=request.references[:1]
    )
    ward.commitments.answer(only, at=EPOCH)
    ward.courier.round()
    assert ward.standing(delivery) == "not committed"
    with pytest.raises(UnknownTransactionError):
        ward.commitments.answer(CommitmentResult(transaction_uid="1.2.3", committed=()), at=EPOCH)


def test_a_destination_that_no_longer_has_to_prove_anything_has_what_was_sent(ward: Ward) -> None:
    ward.prover.away = "is busy"
    delivery = ward.planned()
    ward.courier.round()
    ward.becomes(Proof.NONE)
    ward.pass_time(60)
    ward.courier.round()
    assert (ward.state(delivery), ward.standing(delivery)) == (DELIVERED, "sent")


def test_a_destination_that_has_to_prove_nothing_is_not_asked(engine: sa.Engine) -> None:
    ward = Ward(engine, Proof.NONE)
    delivery = ward.planned()
    assert ward.courier.round() is None
    assert (ward.state(delivery), ward.standing(delivery)) == (DELIVERED, "sent")
    assert ward.prover.requests == []


def test_what_is_found_when_it_is_asked_for_is_there(engine: sa.Engine) -> None:
    ward = Ward(engine, Proof.FIND)
    delivery = ward.planned()
    ward.courier.round()
    assert ward.standing(delivery) == "found"
    assert ward.prover.looks == [("1.2.826.0.1.1", ("1.2.4",))]


def test_what_is_not_found_after_some_time_is_sent_again(engine: sa.Engine) -> None:
    ward = Ward(engine, Proof.FIND)
    ward.prover.there = frozenset({"2.97.1"})
    delivery = ward.planned()
    for _ in range(4):
        ward.courier.round()
        ward.pass_time(10)
    assert (ward.state(delivery), len(ward.prover.looks)) == (SENT, 4)
    ward.courier.round()
    assert (ward.state(delivery), ward.standing(delivery)) == (RETRYING, "not found")
    ward.prover.there = None
    ward.pass_time(60)
    ward.courier.round()
    assert ward.sent() == ["a1", "a2", "a2"]
    assert ward.standing(delivery) == "found"
