"""What a threshold is to achieve."""

from dataclasses import dataclass
from enum import StrEnum


class Aim(StrEnum):
    """The measure that a threshold is chosen by."""

    F1 = "f1"
    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The best F1 (paper 1), or a sensitivity or specificity that must be reached."""

    aim: Aim = Aim.F1
    target: float = 0.0

    def __str__(self) -> str:
        return self.aim.value if self.aim is Aim.F1 else f"{self.aim.value}={self.target:g}"


def parse_objective(text: str) -> Objective:
    """Read ``f1``, ``sensitivity=0.95`` or ``specificity=0.9``.

    Raises
    ------
    ValueError
        When the text is none of these, or the target does not lie between 0 and 1.
    """
    name, _, number = text.strip().lower().partition("=")
    if name == Aim.F1 and not number:
        return Objective()
    try:
        target = float(number) if name in set(Aim) - {Aim.F1} else 0.0
    except ValueError:
        target = 0.0
    if not 0 < target < 1:
        raise ValueError(
            f"objective {text!r} cannot be used: say f1, sensitivity=0.95 or specificity=0.9 "
            "(a number between 0 and 1)"
        )
    return Objective(aim=Aim(name), target=target)
