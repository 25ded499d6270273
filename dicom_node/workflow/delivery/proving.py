"""Proving: a delivery is done when its destination has shown that it keeps what it took.

Some destinations commit to it (PS3.4 Annex J), of others it can be found out by asking for what
they have. What is asked is a committed row; the answer may come days later, over an association of
the destination's own, after restarts of either side. What a destination lacks is sent again, a few
times; whatever it says in the end is recorded.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dicom_node.domain.application_entity import ApplicationEntity, Proof
from dicom_node.domain.commitment import (
    AskedCommitment,
    CommitmentRequest,
    Reference,
    reason_words,
)
from dicom_node.domain.delivery import Delivery, DeliveryState, Proven, RetryPolicy
from dicom_node.errors import NodeError, NotFoundError
from dicom_node.workflow.delivery.ports import Commitments, Proofs, Prover
from dicom_node.workflow.ports import Clock, DeliveryLedger, ResultStore, Substitutes

_LOG = logging.getLogger(__name__)
# Deliveries that are asked about over one association.
_AT_ONCE = 100
# How often an answer is looked for, in seconds: receivers of other processes write it down.
_ANSWERS = 5.0
# How often an object is looked for before it counts as lost: archives index at leisure.
_LOOKS = 5
_NAMED = 3  # objects of a message


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvingParts:
    """What proving works with.

    A commitment is waited for ``patience`` seconds; after ``most`` times that something is lacking,
    or that nobody answers, the delivery has failed.
    """

    ledger: DeliveryLedger
    proofs: Proofs
    commitments: Commitments
    results: ResultStore
    substitutes: Substitutes
    prover: Prover
    make_uid: Callable[[], str]
    clock: Clock
    policy: RetryPolicy
    patience: float = 3600.0
    most: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sent:
    """An object as a destination has it: ``own_uid`` is that of what it stands for."""

    own_uid: str
    reference: Reference
    series_instance_uid: str


class Proving:
    """Proves the deliveries to one destination; used by one thread at a time."""

    def __init__(self, destination: str, parts: ProvingParts) -> None:
        self._destination = destination
        self._parts = parts
        self._troubles = 0
        self._not_before = 0.0
        self._looks: dict[str, int] = {}

    def pause(self) -> float | None:
        """Return after how many seconds to look again; None: there is nothing to prove."""
        return _ANSWERS if self._parts.proofs.has_sent(self._destination) else None

    def age(self, seconds: float) -> None:
        """Count the time for which answers are waited for; wait no longer than is sensible."""
        commitments = self._parts.commitments
        commitments.age(self._destination, seconds)
        for each in commitments.overdue(self._destination, self._parts.patience):
            commitments.unanswered(each.transaction_uid)
            delivery = self._delivery(each)
            if delivery is not None and delivery.state is DeliveryState.SENT:
                words = f"{self._destination} did not commit within {self._parts.patience:.0f} s"
                self._lacking(delivery, (), Proven.NOT_COMMITTED, words)

    def settle(self) -> None:
        """Act upon what the destination has answered."""
        commitments = self._parts.commitments
        while answers := commitments.answered(self._destination):
            for each in answers:
                self._settle(each)
                commitments.settled(each.transaction_uid)

    def ask(self, entity: ApplicationEntity, now: float) -> None:
        """Ask about what the destination took; ``now`` is in seconds, by a monotonic clock.

        One that cannot be asked is left alone for a while, and gets its deliveries all the same.
        """
        if now < self._not_before:
            return
        try:
            while sent := self._parts.proofs.sent(self._destination, _AT_ONCE):
                if not self._ask(sent, entity, now):
                    break
        except NodeError as error:
            self._troubles += 1
            self._not_before = now + self._parts.policy.delay(self._troubles, 0.5).total_seconds()
            self._parts.proofs.remark(self._destination, f"not asked yet: {error}")
            level = logging.WARNING if self._troubles == 1 else logging.DEBUG
            _LOG.log(level, "nothing proven destination=%s reason=%r", self._destination, error)
        else:
            self._troubles = 0

    def _ask(self, sent: Sequence[Delivery], entity: ApplicationEntity, now: float) -> bool:
        """Ask about some deliveries; return whether to go on at once."""
        match entity.proof:
            case Proof.COMMITMENT:
                self._request(sent, entity)
                return True
            case Proof.FIND:
                for each in sent:
                    self._look(each, entity)
                self._not_before = now + _ANSWERS
                return False
            case Proof.NONE:  # of late
                for each in sent:
                    self._parts.proofs.prove(each, DeliveryState.DELIVERED, Proven.NOTHING)
                return True

    def _request(self, sent: Sequence[Delivery], entity: ApplicationEntity) -> None:
        asked: dict[str, AskedCommitment] = {}
        requests = []
        for each in sent:
            references = tuple(one.reference for one in self._objects(each))
            uid = self._parts.make_uid()
            requests.append(CommitmentRequest(transaction_uid=uid, references=references))
            asked[uid] = AskedCommitment(
                transaction_uid=uid,
                delivery_id=each.delivery_id,
                job_id=each.job_id,
                destination=each.destination,
                sop_instance_uids=tuple(one.sop_instance_uid for one in references),
            )
        last = ""

        def note(request: CommitmentRequest) -> None:
            nonlocal last
            last = request.transaction_uid
            self._parts.commitments.asked(asked[last], at=self._parts.clock())

        try:
            self._parts.prover.ask(entity, requests, note)
        except NodeError:
            # It may have been understood all the same: an answer counts whenever it comes.
            self._parts.commitments.unanswered(last)
            raise

    def _settle(self, answer: AskedCommitment) -> None:
        delivery = self._delivery(answer)
        if delivery is None or not _is_open(delivery):
            return
        objects = self._objects(delivery)
        if {each.reference.sop_instance_uid for each in objects} != set(answer.sop_instance_uids):
            return  # it has become another since; what it is now is asked about
        if not answer.failed:
            if self._parts.proofs.prove(delivery, DeliveryState.DELIVERED, Proven.COMMITTED):
                _LOG.info("committed job=%s destination=%s", delivery.job_id, delivery.destination)
        elif delivery.state is DeliveryState.SENT:
            lost = [each for each in objects if each.reference.sop_instance_uid in answer.failed]
            self._lacking(delivery, lost, Proven.NOT_COMMITTED, _failure_words(lost, answer.failed))

    def _look(self, delivery: Delivery, entity: ApplicationEntity) -> None:
        objects = self._objects(delivery)
        study, _ = self._parts.results.job_instances(delivery.job_id)
        series = tuple(dict.fromkeys(each.series_instance_uid for each in objects))
        there = self._parts.prover.found(entity, study, series)
        lost = [each for each in objects if each.reference.sop_instance_uid not in there]
        if not lost:
            self._looks.pop(delivery.delivery_id, None)
            self._parts.proofs.prove(delivery, DeliveryState.DELIVERED, Proven.FOUND)
            return
        looks = self._looks.get(delivery.delivery_id, 0) + 1
        self._looks[delivery.delivery_id] = looks
        if looks >= _LOOKS:
            del self._looks[delivery.delivery_id]
            words = f"{self._destination} does not find " + _named(lost)
            self._lacking(delivery, lost, Proven.NOT_FOUND, words)

    def _lacking(
        self, delivery: Delivery, lost: Sequence[_Sent], proven: Proven, words: str
    ) -> None:
        """Have what is lacking sent again, or ask again where nothing is known to be."""
        gone = {each.own_uid for each in lost}
        stored = tuple(uid for uid in delivery.stored if uid not in gone)
        disproofs = delivery.disproofs + 1
        state = DeliveryState.RETRYING if lost else DeliveryState.SENT
        if disproofs >= self._parts.most:
            state = DeliveryState.FAILED
        wait = self._parts.policy.delay(disproofs, 0.5)
        is_news = self._parts.proofs.prove(
            delivery,
            state,
            proven,
            stored=stored,
            error=words,
            not_before=self._parts.clock() + wait if lost else None,
        )
        if is_news:
            level = logging.ERROR if state is DeliveryState.FAILED else logging.WARNING
            _LOG.log(
                level,
                "%s job=%s destination=%s times=%d reason=%r",
                proven.value,
                delivery.job_id,
                delivery.destination,
                disproofs,
                words,
            )

    def _delivery(self, asked: AskedCommitment) -> Delivery | None:
        try:
            return self._parts.ledger.get(asked.delivery_id)
        except NotFoundError:  # erased meanwhile
            return None

    def _objects(self, delivery: Delivery) -> list[_Sent]:
        """Return what the destination took, as it took it."""
        instead = {
            each.sop_instance_uid: each
            for each in self._parts.substitutes.of_study(delivery.job_id, delivery.destination)
        }
        evidence = self._parts.results.evidence(delivery.job_id, delivery.evidence_set)
        sent = []
        for each in evidence:
            if each.sop_instance_uid not in delivery.stored:
                continue
            other = instead.get(each.sop_instance_uid)
            reference = Reference(
                sop_class_uid=other.sent_class_uid if other else each.sop_class_uid,
                sop_instance_uid=other.sent_instance_uid if other else each.sop_instance_uid,
            )
            sent.append(
                _Sent(
                    own_uid=each.sop_instance_uid,
                    reference=reference,
                    series_instance_uid=other.sent_series_uid
                    if other
                    else each.series_instance_uid,
                )
            )
        return sent


def _is_open(delivery: Delivery) -> bool:
    """Whether an answer can still change something: also of one that was waited for in vain."""
    if delivery.state is DeliveryState.FAILED:
        return delivery.proven is Proven.NOT_COMMITTED
    return delivery.state is DeliveryState.SENT


def _failure_words(lost: Sequence[_Sent], reasons: Mapping[str, int]) -> str:
    uids = [each.reference.sop_instance_uid for each in lost]
    said = "; ".join(f"{uid}: {reason_words(reasons[uid])}" for uid in uids[:_NAMED])
    objects = "1 object" if len(uids) == 1 else f"{len(uids)} objects"
    return f"no commitment to {objects}: {said}"


def _named(lost: Sequence[_Sent]) -> str:
    more = f" and {len(lost) - _NAMED} more" if len(lost) > _NAMED else ""
    return ", ".join(each.reference.sop_instance_uid for each in lost[:_NAMED]) + more
