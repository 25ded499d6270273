"""Logistic regression of classes of which one holds, as a softmax head on a network's features."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

from ai_engine.kinds.classifier.linear_fits import SMALLEST_SPREAD, Fit

FloatArray = npt.NDArray[np.float32]
Classes = npt.NDArray[np.intp]

STRENGTHS = (1e-3, 3e-3, 1e-2, 3e-2)
"""Inverse regularisations that are tried, for features of variance one."""

FOLDS = 3


def class_weights(classes: Classes, sources: Sequence[str]) -> npt.NDArray[np.float64]:
    """How much each image counts: less the more of its class, and of its source in it, there are.

    Roots, not the numbers themselves: the many teach more than the few, and don't drown them.
    """
    names = np.array(sources)
    found = np.zeros(len(classes))
    for one in np.unique(classes):
        rows = classes == one
        for name in np.unique(names[rows]):
            cell = rows & (names == name)
            found[cell] = 1 / np.sqrt(cell.sum())
        found[rows] *= np.sqrt(rows.sum()) / found[rows].sum()
    return np.asarray(found * len(found) / found.sum(), dtype=np.float64)


def class_fit(
    features: FloatArray, classes: Classes, patients: Sequence[str], sources: Sequence[str]
) -> Fit:
    """Fit a head; the regularisation is that of the least loss on patients that were left out.

    Parameters
    ----------
    features
        Float32 (images, channels).
    classes
        Which one each image is of, from 0 on, none missing.
    patients, sources
        Whose images they are, and from where.

    Returns
    -------
    Fit
        Kernel (channels, classes) and bias (classes,) for features as they come.
    """
    # Threads of a linear algebra library wait for each other longer than these fits take.
    with threadpool_limits(limits=1):
        return _fitted(features, classes, patients, sources)


def _fitted(
    features: FloatArray, classes: Classes, patients: Sequence[str], sources: Sequence[str]
) -> Fit:
    mean = features.mean(axis=0)
    spread = np.maximum(features.std(axis=0), SMALLEST_SPREAD)
    shown = (features - mean) / spread
    weights = class_weights(classes, sources)
    every = np.unique(classes)
    losses = []
    parts = list(GroupKFold(FOLDS).split(shown, groups=np.array(patients)))
    for strength in STRENGTHS:
        lost = []
        for learned, held_out in parts:
            known = np.isin(classes[held_out], classes[learned])
            rows = held_out[known]
            model = _regression(strength).fit(
                shown[learned], classes[learned], sample_weight=weights[learned]
            )
            made = model.predict_proba(shown[rows])
            lost.append(
                log_loss(classes[rows], made, sample_weight=weights[rows], labels=model.classes_)
            )
        losses.append(float(np.mean(lost)))
    best = int(np.argmin(losses))
    model = _regression(STRENGTHS[best]).fit(shown, classes, sample_weight=weights)
    coefficients, intercepts = _each_class(model, len(every))
    kernel = coefficients.T / spread[:, None]
    return Fit(
        kernel=np.asarray(kernel, dtype=np.float32),
        bias=np.asarray(intercepts - mean @ kernel, dtype=np.float32),
        loss=losses[best],
    )


def _each_class(
    model: LogisticRegression, count: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Coefficients and intercepts of each class: of two, scikit-learn keeps the second one's."""
    if count == 2:
        zeros = np.zeros_like(model.coef_)
        return np.concatenate([zeros, model.coef_]), np.array([0.0, model.intercept_[0]])
    return model.coef_, model.intercept_


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, max_iter=200, tol=1e-3)
