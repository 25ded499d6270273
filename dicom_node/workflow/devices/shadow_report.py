"""What came of a shadow run: device by device, beside the champion and beside the experts."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ai_engine.calibration.cases import LabelCases, Minimum
from ai_engine.commands.comparison.paired import ALL_DEVICES, PairedCases, PairedResult, compare
from ai_engine.drift.agreement import Rate, cohens_kappa, rate
from ai_engine.library.card import ModelCard
from ai_engine.library.earned import reported_labels
from dicom_node.domain.shadow import ShadowScore
from dicom_node.domain.warehouse import LabelTruth

_Place = tuple[str, str, str]
"""Job, image and label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowAgreement:
    """One label on one device, or on all of them.

    ``agreement`` says how often shadow and champion call the same, ``kappa`` how much of that is
    beyond chance, None where both only ever say one and the same thing; ``shift`` is the mean of
    the shadow's probability minus the champion's. The last three are about the images that experts
    have decided since: how often each was right, and the difference of the AUCs.
    """

    device_id: str
    label: str
    images: int
    agreement: Rate
    kappa: float | None
    shift: float
    champion_right: Rate | None
    shadow_right: Rate | None
    compared: PairedResult | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShadowReport:
    """All that a shadow has seen; ``failures`` counts images it could not look at, by reason."""

    images: int
    failures: Mapping[str, int]
    agreements: tuple[ShadowAgreement, ...]


def shadow_report(
    card: ModelCard,
    scores: Iterable[ShadowScore],
    truths: Iterable[LabelTruth],
    *,
    minimum: Minimum | None = None,
) -> ShadowReport:
    """Compare a shadow with the champion and with the experts.

    Parameters
    ----------
    card
        The shadow's card: its thresholds call.
    scores
        What both versions said.
    truths
        What experts have decided; of other jobs too.
    minimum
        The decided cases of either class that a comparison of AUCs needs; None is ten.
    """
    seen, failures = [], dict[str, int]()
    for each in scores:
        if each.failure:
            failures[each.failure] = failures.get(each.failure, 0) + 1
        else:
            seen.append(each)
    known = {
        (truth.record_id, truth.sop_instance_uid, truth.label): truth
        for truth in truths
        if truth.value is not None
    }
    devices = (ALL_DEVICES, *sorted({each.device_id for each in seen}))
    found = (
        _agreement(device, label.name, label.threshold, seen, known, minimum)
        for device in devices
        for label in reported_labels(card)
    )
    return ShadowReport(
        images=len(seen),
        failures=failures,
        agreements=tuple(each for each in found if each is not None),
    )


def _agreement(  # noqa: PLR0917 - one row of the report from all that it is made of
    device: str,
    label: str,
    threshold: float,
    seen: Sequence[ShadowScore],
    known: Mapping[_Place, LabelTruth],
    minimum: Minimum | None,
) -> ShadowAgreement | None:
    rows = [
        each
        for each in seen
        if device in (ALL_DEVICES, each.device_id)
        and label in each.scores
        and label in each.champion_calls
    ]
    if not rows:
        return None
    shadow = [each.scores[label] >= threshold for each in rows]
    champion = [each.champion_calls[label] for each in rows]
    agreed = rate(sum(a == b for a, b in zip(shadow, champion, strict=True)), len(rows))
    if agreed is None:
        return None
    decided = [
        (each, truth)
        for each in rows
        if (truth := known.get((each.job_id, each.sop_instance_uid, label))) is not None
    ]
    return ShadowAgreement(
        device_id=device,
        label=label,
        images=len(rows),
        agreement=agreed,
        kappa=cohens_kappa(shadow, champion),
        shift=float(
            np.mean([each.scores[label] - each.champion_scores.get(label, np.nan) for each in rows])
        ),
        champion_right=rate(
            sum(each.champion_calls[label] is truth.value for each, truth in decided), len(decided)
        ),
        shadow_right=rate(
            sum((each.scores[label] >= threshold) is truth.value for each, truth in decided),
            len(decided),
        ),
        compared=_compared(device, label, threshold, decided, minimum),
    )


def _compared(
    device: str,
    label: str,
    threshold: float,
    decided: Sequence[tuple[ShadowScore, LabelTruth]],
    minimum: Minimum | None,
) -> PairedResult | None:
    pairs = [(each, truth) for each, truth in decided if label in each.champion_scores]
    if not pairs:
        return None
    cases = LabelCases(
        label=label,
        scores=np.array([each.champion_scores[label] for each, _ in pairs], dtype=np.float64),
        truth=np.array([truth.value for _, truth in pairs], dtype=np.bool_),
        patients=tuple(truth.patient_key for _, truth in pairs),
    )
    candidate = np.array([each.scores[label] for each, _ in pairs], dtype=np.float64)
    return compare(
        PairedCases(device=device, champion=cases, candidate=candidate),
        # Thresholds matter only to figures that this report takes from the decisions themselves.
        champion_threshold=threshold,
        candidate_threshold=threshold,
        minimum=minimum,
    )
