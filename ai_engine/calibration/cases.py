"""What calibration works on: a model's probabilities beside what experts decided."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Truth = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LabelCases:
    """Cases of one label: the model's own probabilities, the verdicts, and whose images they are.

    ``scores`` is float64 (cases,), 0 to 1, before any calibration; ``truth`` is bool (cases,).
    ``patients`` names the patient of each case by any pseudonym: images of one patient resemble
    each other, so they are always drawn and split together.
    """

    label: str
    scores: Scores
    truth: Truth
    patients: tuple[str, ...]

    def __post_init__(self) -> None:
        if not len(self.scores) == len(self.truth) == len(self.patients):
            raise ValueError(
                f"{self.label}: {len(self.scores)} scores, {len(self.truth)} verdicts and "
                f"{len(self.patients)} patients do not belong together"
            )

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def positives(self) -> int:
        """Cases in which experts saw the finding."""
        return int(self.truth.sum())

    @property
    def negatives(self) -> int:
        """Cases in which they did not."""
        return len(self) - self.positives

    @property
    def patient_numbers(self) -> npt.NDArray[np.intp]:
        """A number for each case's patient, 0 to patients - 1."""
        return np.unique(np.array(self.patients, dtype=np.str_), return_inverse=True)[1]

    def of(self, rows: npt.NDArray[np.intp]) -> "LabelCases":
        """Some of the cases."""
        return LabelCases(
            label=self.label,
            scores=self.scores[rows],
            truth=self.truth[rows],
            patients=tuple(self.patients[row] for row in rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Minimum:
    """How many cases of each class a calibration needs; with fewer, chance would decide it."""

    positives: int = 10
    negatives: int = 10

    def lacking(self, cases: LabelCases) -> str:
        """Say what is missing; empty when there is enough."""
        wanted = {
            "with the finding": (cases.positives, self.positives),
            "without it": (cases.negatives, self.negatives),
        }
        short = [
            f"{found} {what} (at least {least} needed)"
            for what, (found, least) in wanted.items()
            if found < least
        ]
        return f"validated cases: {' and '.join(short)}" if short else ""
