"""Thresholds that hold for every source and view alike."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ai_engine.measures.report import SMALLEST_GROUP
from ai_engine.measures.scored import ScoredSplit

Rows = npt.NDArray[np.bool_]


def balanced_threshold(scored: ScoredSplit, label: str) -> float:
    """The threshold with the highest mean of sensitivity and specificity over sources and views.

    Youden's index (Cancer 3, 1950) does not ask how many are ill, so a collection enriched with
    disease moves it no further than a clinic would; F1 at a prevalence of a half calls most
    healthy images abnormal where it is a tenth. Each source within each view counts alike.

    Raises
    ------
    ValueError
        If no group has `SMALLEST_GROUP` images with and without the label.
    """
    truth, scores = scored.truth(label), scored.scores(label)
    groups = list(_groups(scored, label))
    if not groups:
        raise ValueError(f"{label}: a threshold needs images with and without it")
    values = np.unique(scores)
    tried = (values[1:] + values[:-1]) / 2 if len(values) > 1 else values
    called = scores[None, :] >= tried[:, None]
    quality = np.mean(
        [
            called[:, rows & truth].mean(axis=1) + (~called)[:, rows & ~truth].mean(axis=1)
            for rows in groups
        ],
        axis=0,
    )
    # Of thresholds that are equally good, the middle one: the ends are chance.
    best = np.flatnonzero(quality >= quality.max() - 1e-12)
    return round(float(tried[best[len(best) // 2]]), 4)


def _groups(scored: ScoredSplit, label: str) -> Iterator[Rows]:
    known, truth = scored.known(label), scored.truth(label)
    keys = np.array([f"{item.device}/{item.view}" for item in scored.items])
    for wide in (keys, np.full(len(keys), "all")):
        found = [known & (wide == key) for key in np.unique(wide)]
        kept = [
            rows
            for rows in found
            if min((rows & truth).sum(), (rows & ~truth).sum()) >= SMALLEST_GROUP
        ]
        if kept:
            yield from kept
            return
