"""Which cases a candidate learns from, and which it is measured on.

A patient is in one part for good. The frozen set of a device is made once, when it has enough
cases of held-out patients, and stays as it is: figures of today and of next year are of the same
images. What arrives later of a held-out patient is neither trained on nor added.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ai_engine.calibration.cases import Minimum
from ai_engine.kinds.classifier.validated import ValidatedCase
from dicom_node.domain.held_out import HeldOut, HeldOutImage, Part, part_of, share_of_patient
from dicom_node.errors import NodeError
from dicom_node.finetuning.cases import Collected, FiledCase

_TWO_PARTS = "the same study or image is held out under another patient"


class TooFewCasesError(NodeError):
    """There is too little to learn from, or to measure on."""


class TwoPartsError(NodeError):
    """A patient, study or image is both learned from and measured on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitRules:
    """How cases are divided, and how many are needed of either class.

    Shares are of patients; ``validation_share`` is of those that are trained on. Training takes at
    most ``most`` cases, the newest. ``only`` names the devices to learn from; empty is all. With
    ``rehearse`` as many of the newest cases of all other devices are learned again beside theirs:
    what is not rehearsed is forgotten (Robins, Connection Science 7, 1995).
    """

    held_out_share: float = 0.3
    validation_share: float = 0.15
    training: Minimum
    held_out: Minimum
    most: int = 4000
    only: frozenset[str] = frozenset()
    rehearse: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """The cases by what they are for; ``notes`` says what was left out, and why."""

    training: tuple[FiledCase, ...]
    validation: tuple[FiledCase, ...]
    held_out: tuple[FiledCase, ...]
    notes: tuple[str, ...] = ()


def split(
    collected: Collected, *, model: str, held_out: HeldOut, rules: SplitRules, at: datetime
) -> Split:
    """Divide the cases by patient, and freeze the sets of devices that have enough.

    Raises
    ------
    TooFewCasesError
        If no label has enough cases of both classes to learn from.
    """
    newest = collected.newest()
    parts = held_out.assign(
        {
            each.case.patient: part_of(each.case.patient, held_out_share=rules.held_out_share)
            for each in collected.cases
        },
        at=at,
    )
    # All verdicts, not the newest alone: an image may have been filed anew under another patient.
    kept_out = [each for each in collected.cases if parts[each.case.patient] is Part.HELD_OUT]
    candidates = [each for each in newest.values() if parts[each.case.patient] is Part.HELD_OUT]
    frozen = _frozen(model, held_out, candidates, rules.held_out, at)
    measured, lost = _measured(collected.cases, frozen)
    left_out = collected.left_out + Counter(lost)
    learned = [each for each in newest.values() if parts[each.case.patient] is Part.TRAINING]
    learned = _apart(learned, [*kept_out, *measured], left_out)
    chosen, rehearsed = _chosen(learned, rules)
    _require_enough([each.case for each in chosen], rules.training)
    chosen = [*chosen, *rehearsed]
    validation = {
        each.key
        for each in chosen
        if share_of_patient(each.case.patient, "validation") < rules.validation_share
    }
    return Split(
        training=tuple(each for each in chosen if each.key not in validation),
        validation=tuple(each for each in chosen if each.key in validation),
        held_out=tuple(measured),
        notes=tuple(f"Left out {count}: {why}." for why, count in sorted(left_out.items()))
        + _rehearsed(rehearsed)
        + _unmeasured({each.case.device for each in newest.values()}, measured),
    )


def require_apart(learned: Sequence[FiledCase], measured: Sequence[FiledCase]) -> None:
    """Make sure that nothing is both learned from and measured on.

    Raises
    ------
    TwoPartsError
        If a patient, study or image is; the message names the records.
    """
    owners = {mark: each for each in measured for mark in _marks(each)}
    for each in learned:
        for mark in _marks(each):
            if mark in owners:
                raise TwoPartsError(
                    f"Warehouse records {each.record_id} (to learn from) and "
                    f"{owners[mark].record_id} (held out) are of one {mark[0]}: nothing was "
                    "trained. Start anew with --fresh; the training case is then left out."
                )


def counted(cases: Iterable[ValidatedCase]) -> Mapping[str, tuple[int, int]]:
    """Return how many cases have each label, and how many were found not to."""
    found: dict[str, list[int]] = {}
    for case in cases:
        for label, present in case.truths.items():
            found.setdefault(label, [0, 0])[0 if present else 1] += 1
    return {label: (with_it, without) for label, (with_it, without) in found.items()}


def _frozen(
    model: str,
    held_out: HeldOut,
    candidates: Sequence[FiledCase],
    minimum: Minimum,
    at: datetime,
) -> tuple[HeldOutImage, ...]:
    """The frozen sets, those of devices that have enough for the first time among them."""
    known = {each.device_id for each in held_out.frozen(model)}
    for device in sorted({each.case.device for each in candidates} - known):
        cases = [each for each in candidates if each.case.device == device]
        if not _enough(counted(each.case for each in cases), minimum):
            continue
        held_out.freeze(
            [
                HeldOutImage(
                    model_name=model,
                    device_id=device,
                    sop_instance_uid=each.case.name,
                    record_id=each.record_id,
                    patient_key=each.case.patient,
                    frozen_at=at,
                )
                for each in cases
            ]
        )
    return held_out.frozen(model)


def _measured(
    cases: Sequence[FiledCase], frozen: Sequence[HeldOutImage]
) -> tuple[list[FiledCase], Counter[str]]:
    """The frozen sets' cases by the verdicts that were frozen, and how many are gone."""
    known = {each.key: each for each in cases}
    keys = [(each.record_id, each.sop_instance_uid) for each in frozen]
    gone = sum(key not in known for key in keys)
    lost = Counter({"a frozen set's image cannot be measured on any more": gone} if gone else {})
    return [known[key] for key in keys if key in known], lost


def _apart(
    learned: Sequence[FiledCase], measured: Sequence[FiledCase], left_out: Counter[str]
) -> list[FiledCase]:
    """The cases to learn from without those that share a study or an image with one held out."""
    taken = {mark for each in measured for mark in _marks(each)}
    apart = [each for each in learned if not taken & set(_marks(each))]
    if len(apart) < len(learned):
        left_out[_TWO_PARTS] += len(learned) - len(apart)
    return apart


def _marks(filed: FiledCase) -> tuple[tuple[str, str], ...]:
    """What must not be in two parts."""
    return (
        ("patient", filed.case.patient),
        ("study", filed.study_instance_uid),
        ("image", filed.case.name),
        ("image", filed.digest),
    )


def _chosen(
    learned: Sequence[FiledCase], rules: SplitRules
) -> tuple[list[FiledCase], list[FiledCase]]:
    """The cases of the devices asked for, and those of others that are learned again with them."""
    if not rules.only:
        return list(learned[-rules.most :]), []
    own = [each for each in learned if each.case.device in rules.only]
    others = [each for each in learned if each.case.device not in rules.only]
    if not (rules.rehearse and others):
        return own[-rules.most :], []
    half = max(rules.most // 2, 1)
    own = own[-half:]
    return own, others[-len(own) :] if own else []


def _rehearsed(cases: Sequence[FiledCase]) -> tuple[str, ...]:
    """Say that others' cases were learned again."""
    if not cases:
        return ()
    devices = len({each.case.device for each in cases})
    return (f"Learned again, so that it is not forgotten: {len(cases)} cases of {devices} others.",)


def _enough(counts: Mapping[str, tuple[int, int]], minimum: Minimum) -> bool:
    return any(
        with_it >= minimum.positives and without >= minimum.negatives
        for with_it, without in counts.values()
    )


def _require_enough(cases: Sequence[ValidatedCase], minimum: Minimum) -> None:
    counts = counted(cases)
    if _enough(counts, minimum):
        return
    found = "; ".join(
        f"{label}: {with_it} with it, {without} without"
        for label, (with_it, without) in sorted(counts.items())
    )
    one_class = counts and all(not with_it or not without for with_it, without in counts.values())
    raise TooFewCasesError(
        f"{'only one class' if one_class else 'too few cases'} to learn from ({found or 'none'}); "
        f"{minimum.positives} with a finding and {minimum.negatives} without it are needed: "
        "validate more results, or lower finetuning.min_positives and finetuning.min_negatives."
    )


def _unmeasured(devices: Iterable[str], measured: Sequence[FiledCase]) -> tuple[str, ...]:
    frozen = {each.case.device for each in measured}
    return tuple(
        f"Device {device} has no frozen set yet: too few validated cases of held-out patients."
        for device in sorted(set(devices) - frozen)
    )
