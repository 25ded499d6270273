"""A courier takes what waits for one destination there, urgent first and then oldest first.

Many deliveries go over one association. While the destination is down, only a probe (C-ECHO) goes
there now and then; once that is answered, one delivery shows how things stand, and then everything
that has waited follows. How long something has been tried is counted by a clock that nobody sets.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta

from dicom_node.domain.application_entity import ApplicationEntity, Proof
from dicom_node.domain.circuit import Circuit
from dicom_node.domain.delivery import ARRIVED, Delivery, DeliveryState, RetryPolicy
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.errors import ConflictError, NodeError
from dicom_node.workflow.delivery.fit import Fitting
from dicom_node.workflow.delivery.ports import Line, Outcome, Sender, Sending, Sent
from dicom_node.workflow.delivery.proving import Proving, ProvingParts
from dicom_node.workflow.ports import AeTitles, Clock, DeliveryLedger, ResultStore
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind

_LOG = logging.getLogger(__name__)
# So many of what is due next are looked at, to propose their kinds of objects for one association.
_AHEAD = 32
# So many are made ready while a destination is away.
_PREPARED = 500
# A destination that is down is probed at least this often: it costs it nothing.
_LONGEST_PROBE = timedelta(seconds=60)
# How often the time is counted for which deliveries have been tried, in seconds.
_AGEING = 60.0
# How long to leave a destination to another node that serves it, in seconds.
_ANOTHERS = 5.0
_REMOVED = "removed here by retention, and not sent again"
_ALL_HELD = (
    "nothing to send: every object for this destination is held back (dicom-node evidence held "
    "says why)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CourierParts:
    """What every courier works with; ``chance`` draws from 0 to 1, ``monotonic`` is in seconds.

    ``ahead`` makes objects ready for a destination while that is away, ``sole`` gives the right to
    serve a destination, or False where another node has it; ``tell`` is told what became of each
    try. ``expect`` is told of a destination for which something is being made.
    """

    ledger: DeliveryLedger
    results: ResultStore
    ae_titles: AeTitles
    sender: Sender
    fitting: Fitting
    proving: ProvingParts
    policy: RetryPolicy
    chance: Callable[[], float]
    clock: Clock
    monotonic: Callable[[], float]
    ahead: Callable[[ApplicationEntity, Sequence[str]], None] = lambda _entity, _paths: None
    sole: Callable[[str], AbstractContextManager[bool]] = lambda _: nullcontext(True)
    tell: Callable[[Sending], None] = lambda _: None
    expect: Callable[[str], None] = lambda _destination: None


class Courier:
    """Serves one destination; used by one thread at a time."""

    def __init__(
        self,
        destination: str,
        parts: CourierParts,
        *,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Keep the parts; between two deliveries ``is_over`` says whether to go home."""
        self._destination = destination
        self._parts = parts
        self._is_over = is_over
        self._proving = Proving(destination, parts.proving)
        policy = parts.policy
        probing = replace(policy, longest_delay=min(policy.longest_delay, _LONGEST_PROBE))
        self._circuit = Circuit(policy=probing)
        self._ageing = min(_AGEING, policy.give_up_after.total_seconds() / 10)
        self._aged_at: float | None = None
        self._is_known_down = False
        self._prepared: set[str] = set()

    @property
    def finds_it_down(self) -> bool:
        """Whether the destination was away or took nothing when it was tried last."""
        return self._circuit.is_down

    def round(self) -> float | None:
        """Do what is due; return after how many seconds to come again, None: nothing waits."""
        if self._destination not in undone_destinations(self._parts):
            self._aged_at = None
            return None
        with self._parts.sole(self._destination) as is_mine:
            if not is_mine:
                self._aged_at = None
                return _ANOTHERS
            self._age()
            self._proving.settle()
            if self._circuit.remaining(self._now()) == 0:
                self._serve()
            if self._circuit.is_open:
                self._prepare()
            return self._pause()

    def _serve(self) -> None:
        try:
            entity = self._parts.ae_titles.get(self._destination)
            if self._circuit.is_open:
                self._parts.sender.verify(entity)
                self._circuit = self._circuit.answered()
            self._flush(entity)
            if not self._circuit.is_open:
                self._proving.ask(entity, self._now())
        except NodeError as error:  # also that nobody administers it: it may be added
            self._circuit = self._circuit.away(self._now(), self._parts.chance())
            self._hold(str(error))

    def _flush(self, entity: ApplicationEntity) -> None:
        """Take everything that is due, for as long as the destination takes it."""
        line: Line | None = None
        with ExitStack() as association:
            while not self._is_over() and not self._circuit.is_open and (due := self._due(1)):
                wanted = self._wanted(due[0], entity)
                objects = _to_send(due[0], wanted)
                paths = self._parts.fitting.fit(due[0], objects, entity) if objects else ()
                if paths and (line is None or not line.carries(paths)):
                    association.close()
                    ahead = [
                        each.path
                        for one in self._due(_AHEAD)
                        if one.delivery_id != due[0].delivery_id
                        for each in self._objects(one, entity)
                    ]
                    line = association.enter_context(
                        self._parts.sender.connect(entity, [*paths, *ahead])
                    )
                if line is None or not paths:
                    self._settle_unsent(due[0], wanted, entity)
                else:
                    self._settle(due[0], wanted, self._sent(line, paths), entity)

    def _prepare(self) -> None:
        """Make ready what waits, until it is time to probe: then it leaves the faster."""
        try:
            entity = self._parts.ae_titles.get(self._destination)
            for each in self._due(_PREPARED):
                if self._is_over() or self._circuit.remaining(self._now()) == 0:
                    return
                if each.delivery_id not in self._prepared:
                    paths = [one.path for one in self._objects(each, entity)]
                    self._parts.ahead(entity, paths)
                    self._prepared.add(each.delivery_id)
        except NodeError as error:
            _LOG.debug("nothing made ready destination=%s reason=%r", self._destination, error)

    def _due(self, limit: int) -> tuple[Delivery, ...]:
        return self._parts.ledger.due(
            self._destination,
            self._parts.clock(),
            longest_wait=2 * self._parts.policy.longest_delay,
            limit=limit,
        )

    def _objects(self, delivery: Delivery, entity: ApplicationEntity) -> tuple[EvidenceObject, ...]:
        """Return what is to be sent of a delivery."""
        return _to_send(delivery, self._wanted(delivery, entity))

    def _wanted(self, delivery: Delivery, entity: ApplicationEntity) -> list[EvidenceObject]:
        """Return what a destination wants: reports first, which others are read with."""
        evidence = self._parts.results.evidence(delivery.job_id, delivery.evidence_set)
        wanted = (each for each in evidence if _is_wanted(each, entity))
        return sorted(wanted, key=lambda each: each.kind is not EvidenceKind.SR)

    def _sent(self, line: Line, paths: Sequence[str]) -> tuple[Sent, ...]:
        try:
            return line.send(paths)
        except Exception as error:  # noqa: BLE001  # of this delivery, not to hold up all others
            _LOG.exception("a try broke off destination=%s", self._destination)
            words = f"the try broke off ({type(error).__name__}): the node's log has the trace"
            return tuple(Sent(path=each, outcome=Outcome.LOST, words=words) for each in paths)

    def _settle_unsent(
        self, delivery: Delivery, wanted: Sequence[EvidenceObject], entity: ApplicationEntity
    ) -> None:
        if wanted and all(each.is_held for each in wanted):
            self._record(delivery, DeliveryState.FAILED, delivery.stored, _ALL_HELD)
        elif gone := _gone(delivery, wanted):
            self._record(delivery, DeliveryState.FAILED, delivery.stored, gone)
        else:
            self._record(delivery, _arrived(delivery.stored, entity), delivery.stored)

    def _settle(
        self,
        delivery: Delivery,
        wanted: Sequence[EvidenceObject],
        sent: Sequence[Sent],
        entity: ApplicationEntity,
    ) -> None:
        """Record what became of a delivery, and what that says of its destination.

        ``wanted`` are its objects as they were before they were sent: what was removed since has
        been sent.
        """
        objects = _to_send(delivery, wanted)
        failed = [each for each in sent if each.outcome is not Outcome.STORED]
        stored = delivery.stored + tuple(
            made.sop_instance_uid
            for made, each in zip(objects, sent, strict=True)
            if each.outcome is Outcome.STORED
        )
        if not failed:
            self._worked()
            remarks = [each.remark for each in sent]
            gone = _gone(replace(delivery, stored=stored), wanted)
            said = "; ".join(each for each in (gone, *remarks) if each)
            self._record(delivery, _arrived(stored, entity), stored, said)
            self._tell(delivery, objects, sent, entity, "")
            return
        error = f"{entity.title} did not store {len(failed)} of {len(sent)} objects: " + "; ".join(
            each.words for each in failed
        )
        self._tell(delivery, objects, sent, entity, error)
        refused = frozenset(each.refused_class for each in failed if each.refused_class)
        if self._parts.fitting.learn(entity, refused):
            # There is another form for what was refused. Each time a class is taken away.
            self._record(delivery, DeliveryState.RETRYING, stored, error, again_at_once=True)
            return
        is_final = all(each.outcome is Outcome.NEVER for each in failed)
        state = DeliveryState.FAILED if is_final else DeliveryState.RETRYING
        self._record(delivery, state, stored, error)
        self._draw_from(failed)
        if self._circuit.is_down:
            self._hold(f"{entity.title} takes nothing for now: {failed[0].words}")

    def _tell(
        self,
        delivery: Delivery,
        objects: Sequence[EvidenceObject],
        sent: Sequence[Sent],
        entity: ApplicationEntity,
        error: str,
    ) -> None:
        there = Counter(
            made.sop_class_uid
            for made, each in zip(objects, sent, strict=True)
            if each.outcome is Outcome.STORED
        )
        self._parts.tell(
            Sending(job_id=delivery.job_id, destination=entity, classes=dict(there), error=error)
        )

    def _draw_from(self, failed: Sequence[Sent]) -> None:
        outcomes = {each.outcome for each in failed}
        now, chance = self._now(), self._parts.chance()
        if Outcome.LOST in outcomes:
            self._circuit = self._circuit.lost(now, chance)
        elif Outcome.REFUSED in outcomes:
            self._circuit = self._circuit.refused(now, chance)

    def _worked(self) -> None:
        if self._circuit.is_down:
            _LOG.info("destination takes deliveries again destination=%s", self._destination)
            self._parts.ledger.back(self._destination)
        self._is_known_down = False
        self._prepared.clear()
        self._circuit = self._circuit.worked()

    def _hold(self, error: str) -> None:
        """Say of all that waits why it does; say it in the log when it begins."""
        count = self._parts.ledger.hold(self._destination, error, at=self._parts.clock())
        say = _LOG.debug if self._is_known_down else _LOG.warning
        say("destination down destination=%s waiting=%d reason=%r", self._destination, count, error)
        self._is_known_down = True

    def _record(
        self,
        delivery: Delivery,
        state: DeliveryState,
        stored: Sequence[str],
        error: str = "",
        *,
        again_at_once: bool = False,
    ) -> None:
        now = self._parts.clock()
        policy = self._parts.policy
        is_later = state is DeliveryState.RETRYING and not again_at_once
        wait = policy.delay(delivery.attempts + 1, self._parts.chance())
        try:
            self._parts.ledger.move(
                delivery.delivery_id,
                state,
                at=now,
                stored=stored,
                error=error,
                not_before=now + wait if is_later else None,
            )
        except ConflictError as conflict:  # somebody has decided about it meanwhile
            _LOG.info("delivery left as it is: %s", conflict)
        _say(delivery, state, error)

    def _age(self) -> None:
        """Count the time for which everything that waits has been tried, and give up what must be.

        A monotonic clock counts it, and a pause that no sleep of a courier explains is no trying.
        """
        now = self._now()
        if self._aged_at is None:
            self._aged_at = now
        if (passed := now - self._aged_at) < self._ageing:
            return
        self._aged_at = now
        self._proving.age(min(passed, 2 * self._ageing))
        given_up = self._parts.ledger.age(
            self._destination,
            min(passed, 2 * self._ageing),
            give_up_after=self._parts.policy.give_up_after,
        )
        if given_up:
            _LOG.error("given up destination=%s deliveries=%d", self._destination, given_up)

    def _pause(self) -> float | None:
        """Return for how many seconds there is nothing to do."""
        if wait := self._circuit.remaining(self._now()):
            return min(wait, self._ageing)
        if self._circuit.is_open:
            return 0.0
        if self._due(1):
            return 0.0
        pauses = [self._until_due(), self._proving.pause()]
        return min((each for each in pauses if each is not None), default=None)

    def _until_due(self) -> float | None:
        due_at = self._parts.ledger.next_due(self._destination)
        if due_at is None:
            return None
        return min(max(0.0, (due_at - self._parts.clock()).total_seconds()), self._ageing)

    def _now(self) -> float:
        return self._parts.monotonic()


def undone_destinations(parts: CourierParts) -> frozenset[str]:
    """Return for which destinations there is something to do."""
    return frozenset((*parts.ledger.destinations(), *parts.proving.commitments.destinations()))


def _is_wanted(evidence: EvidenceObject, destination: ApplicationEntity) -> bool:
    # Whoever got a result must hear that it was rejected.
    return evidence.kind in destination.evidence or not EVIDENCE[evidence.kind].is_administered


def _to_send(delivery: Delivery, wanted: Sequence[EvidenceObject]) -> tuple[EvidenceObject, ...]:
    """Return what is to be sent: what the destination wants, may have, and has not got yet."""
    return tuple(
        each for each in wanted if each.is_here and each.sop_instance_uid not in delivery.stored
    )


def _gone(delivery: Delivery, wanted: Sequence[EvidenceObject]) -> str:
    """Say what a destination has not got and never will, because it is not here any more."""
    gone = [
        each.kind.value
        for each in wanted
        if each.is_removed and each.sop_instance_uid not in delivery.stored
    ]
    return f"{', '.join(gone)}: {_REMOVED}" if gone else ""


def _arrived(stored: Sequence[str], destination: ApplicationEntity) -> DeliveryState:
    """Return where a delivery stands of which everything was sent."""
    is_proven = destination.proof is Proof.NONE or not stored
    return DeliveryState.DELIVERED if is_proven else DeliveryState.SENT


def _say(delivery: Delivery, state: DeliveryState, error: str) -> None:
    if state in ARRIVED:
        _LOG.info("delivered job=%s destination=%s", delivery.job_id, delivery.destination)
        return
    _LOG.log(
        logging.ERROR if state is DeliveryState.FAILED else logging.WARNING,
        "not delivered job=%s destination=%s attempt=%d state=%s reason=%r",
        delivery.job_id,
        delivery.destination,
        delivery.attempts + 1,
        state.value,
        error,
    )
