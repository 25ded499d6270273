"""Events of procedure steps, to those who have subscribed (PS3.4 Sections CC.2.3 and CC.2.4).

Most changes are made elsewhere: results that come to wait, verdicts on the page, claims that
expire. So the steps that there are now are compared with those that were told of last. What is told
is kept as a message first, and sent by others.
"""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from threading import RLock

from pydicom.dataset import Dataset

from dicom_node.domain.peer_message import MessageKind, PeerMessage
from dicom_node.domain.procedure_step import ProcedureStep, StepState, UpsStatus
from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.json_model import from_json, in_json
from dicom_node.query.matching import DatasetEntity, matches
from dicom_node.query.reading import read_identifier
from dicom_node.ups.errors import StepRefusedError
from dicom_node.ups.event_reports import (
    ASSIGNMENT,
    EventType,
    assigned,
    cancel_requested,
    progress_report,
    restarted,
    state_report,
)
from dicom_node.ups.ports import StepQuery, StepStanding, StepStore
from dicom_node.ups.presentation import Station, ups_dataset
from dicom_node.ups.subscriptions import (
    FILTERED,
    GLOBAL,
    WELL_KNOWN,
    Outbox,
    Receiver,
    Subscription,
    SubscriptionBook,
)

_LOG = logging.getLogger(__name__)
_OPEN = StepQuery(states=frozenset({StepState.SCHEDULED, StepState.IN_PROGRESS}))
# Of the action itself, and no keys of a filter (PS3.4 Table CC.2.3-1).
_NO_KEYS = ("ReceivingAE", "DeletionLock", "RequestingAE")


class StepEvents:
    """Subscriptions, and what their receivers are told."""

    def __init__(
        self,
        *,
        store: StepStore,
        book: SubscriptionBook,
        outbox: Outbox,
        station: Station,
        knows: Callable[[Receiver], bool],
        clock: Callable[[], datetime],
        wake: Callable[[Receiver], None] = lambda _receiver: None,
    ) -> None:
        """Take the parts.

        ``knows`` says whether a receiver can be told; ``wake`` is called when there is something
        for one.
        """
        self._store = store
        self._book = book
        self._outbox = outbox
        self._station = station
        self._knows = knows
        self._clock = clock
        self._wake = wake
        self._one_at_a_time = RLock()

    def subscribe(
        self, uid: str, receiver: Receiver, keys: Dataset, *, deletion_lock: bool = False
    ) -> None:
        """Subscribe a receiver to a step or to steps at large; tell it how they stand.

        Raises
        ------
        StepRefusedError
            The receiver cannot be told (C308), there is no such step (C307), or the filter cannot
            be read (0106).
        """
        if not self._knows(receiver):
            raise StepRefusedError(UpsStatus.RECEIVER_UNKNOWN)
        if uid == FILTERED:
            keys = _filter(keys)
        with self._one_at_a_time:
            self.look()
            wanted = Subscription(
                receiver=receiver,
                scope=uid,
                study_instance_uid=self._study(uid),
                deletion_lock=deletion_lock,
                keys=in_json(keys) if uid == FILTERED else None,
            )
            begins = self._book.is_empty()
            self._book.put(wanted)
            if begins:
                self._book.tell(tuple(self._store.standing().values()))
            self._tell_standing(wanted)
        _LOG.info("subscribed receiver=%s channel=%s to=%s", receiver.title, receiver.channel, uid)

    def unsubscribe(self, uid: str, receiver: Receiver) -> None:
        """Tell a receiver no more of a step; of none where a well-known UID is given.

        Raises
        ------
        StepRefusedError
            There is no such step (C307).
        """
        study = self._study(uid)
        if uid in WELL_KNOWN:
            self._book.remove(receiver)
        else:
            self._book.put(
                Subscription(receiver=receiver, scope=uid, study_instance_uid=study, active=False)
            )
        _LOG.info("unsubscribed receiver=%s from=%s", receiver.title, uid)

    def suspend(self, uid: str, receiver: Receiver) -> None:
        """Tell a receiver of all steps of no more new ones.

        Raises
        ------
        StepRefusedError
            A single step is named: there is nothing to suspend (C314).
        """
        if uid not in WELL_KNOWN:
            raise StepRefusedError(UpsStatus.ACTION_NOT_APPROPRIATE)
        with self._one_at_a_time:
            self.look()
            self._book.suspend(receiver, tuple(self._store.standing().values()))
        _LOG.info("suspended receiver=%s", receiver.title)

    def look(self) -> None:
        """Tell what has changed since the last look, whoever changed it."""
        with self._one_at_a_time:
            if self._book.is_empty():
                return
            before = self._book.told()
            now = self._store.standing()
            for uid in before.keys() - now.keys():
                self._compare(uid, before[uid])
            for uid, standing in now.items():
                if uid not in before or before[uid].state is not standing.state:
                    self._compare(uid, before.get(uid))

    def updated(self, uid: str, changes: Dataset) -> None:
        """Tell that a step says something new: how far it is, or whose it is."""
        if self._book.is_empty() or (step := self._store.step(uid)) is None:
            return
        dataset = ups_dataset(step, self._station)
        if "ProcedureStepProgressInformationSequence" in changes:
            self._tell(step, EventType.PROGRESS_REPORT, progress_report(dataset))
        if any(keyword in changes for keyword in ASSIGNMENT):
            self._tell(step, EventType.ASSIGNED, assigned(dataset))
        if "InputReadinessState" in changes:
            self._tell(step, EventType.STATE_REPORT, state_report(dataset))

    def cancel_requested(self, step: ProcedureStep, wanted: Dataset, requester: str) -> bool:
        """Tell that a step is to be canceled; return whether its performer is among those told."""
        told = self._tell(step, EventType.CANCEL_REQUESTED, cancel_requested(wanted, requester))
        return any(receiver.title == step.performer for receiver in told)

    def restarted(self) -> None:
        """Tell receivers of all steps that the node is there again."""
        receivers = {
            each.receiver: None for each in self._book.about(GLOBAL) if each.scope in WELL_KNOWN
        }
        self._send(receivers, GLOBAL, "", EventType.SCP_STATUS_CHANGE, restarted())

    def _tell_standing(self, subscription: Subscription) -> None:
        """Tell a new receiver how the steps stand that it has subscribed to."""
        if subscription.scope in WELL_KNOWN:
            steps: Iterable[ProcedureStep] = self._store.steps(_OPEN)
        else:
            found = self._store.step(subscription.scope)
            steps = [found] if found is not None else []
        for step in steps:
            dataset = ups_dataset(step, self._station)
            if _covers(subscription, step, dataset):
                self._remember(subscription, step)
                self._send(
                    [subscription.receiver],
                    step.uid,
                    step.study_instance_uid,
                    EventType.STATE_REPORT,
                    state_report(dataset),
                )

    def _compare(self, uid: str, before: StepStanding | None) -> None:
        """Tell how a step stands, if that is news; what is over and told is forgotten."""
        step = self._store.step(uid)
        is_news = before is None or (step is not None and step.state is not before.state)
        if step is not None and is_news:
            self._tell(step, EventType.STATE_REPORT, state_report(ups_dataset(step, self._station)))
            self._book.tell([_standing(step)])
        if step is None or step.state.is_final:
            self._book.forget(uid)

    def _tell(
        self, step: ProcedureStep, event_type: EventType, dataset: Dataset
    ) -> tuple[Receiver, ...]:
        receivers = self._receivers(step)
        self._send(receivers, step.uid, step.study_instance_uid, event_type, dataset)
        return receivers

    def _receivers(self, step: ProcedureStep) -> tuple[Receiver, ...]:
        subscriptions = self._book.about(step.uid)
        own = {each.receiver: each for each in subscriptions if each.scope == step.uid}
        shown = ups_dataset(step, self._station)
        receivers = {receiver: None for receiver, each in own.items() if each.active}
        for each in subscriptions:
            if each.receiver in own or not _covers(each, step, shown):
                continue
            receivers[each.receiver] = None
            self._remember(each, step)
        return tuple(receivers)

    def _remember(self, subscription: Subscription, step: ProcedureStep) -> None:
        """Whoever was told once of a step that matches is told the rest, match or not."""
        if subscription.scope == FILTERED:
            own = replace(
                subscription,
                scope=step.uid,
                study_instance_uid=step.study_instance_uid,
                keys=None,
            )
            self._book.put(own)

    def _send(
        self,
        receivers: Iterable[Receiver],
        uid: str,
        study: str,
        event_type: EventType,
        dataset: Dataset,
    ) -> None:
        known = tuple(receivers)
        now = self._clock()
        self._outbox.add(
            [
                PeerMessage(
                    receiver=each.title,
                    channel=each.channel,
                    kind=MessageKind.STEP_EVENT,
                    sop_instance_uid=uid,
                    event_type=int(event_type),
                    attributes=in_json(dataset),
                    study_instance_uid=study,
                    made_at=now,
                )
                for each in known
            ]
        )
        for each in known:
            self._wake(each)

    def _study(self, uid: str) -> str:
        if uid in WELL_KNOWN:
            return ""
        step = self._store.step(uid)
        if step is None:
            raise StepRefusedError(UpsStatus.UNKNOWN_STEP)
        return step.study_instance_uid


def _standing(step: ProcedureStep) -> StepStanding:
    return StepStanding(uid=step.uid, study_instance_uid=step.study_instance_uid, state=step.state)


def _filter(keys: Dataset) -> Dataset:
    """Return the keys of a filter.

    Raises
    ------
    StepRefusedError
        They cannot be matched.
    """
    kept = Dataset()
    kept.update({each.tag: each for each in keys if each.keyword not in _NO_KEYS})
    try:
        read_identifier(kept)
    except UnusableQueryError as error:
        raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, str(error)) from error
    return kept


def _covers(subscription: Subscription, step: ProcedureStep, shown: Dataset) -> bool:
    """Whether a step is one of those that a subscription is about."""
    if subscription.scope not in WELL_KNOWN:
        return subscription.scope == step.uid
    if subscription.keys is None:
        return True
    conditions = read_identifier(from_json(subscription.keys)).conditions
    return matches(DatasetEntity(shown), conditions)
