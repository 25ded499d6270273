"""What a threshold is to achieve."""

from dataclasses import dataclass
from enum import StrEnum


class Aim(StrEnum):
    """The measure that a threshold is chosen by."""

    BALANCED = "balanced"
    F1 = "f1"
    PREVALENCE = "prevalence"
    SENSITIVITY = "sensitivity"
    SPECIFICITY = "specificity"

    @property
    def has_target(self) -> bool:
        """Whether a number goes with it."""
        return self not in (Aim.BALANCED, Aim.F1)

    @property
    def is_asked_for(self) -> bool:
        """Whether it is a figure to reach, whatever the other one then is."""
        return self in (Aim.SENSITIVITY, Aim.SPECIFICITY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What a threshold is chosen for; ``target`` is the number of those that have one.

    The best mean of sensitivity and specificity, which is the same however many cases have the
    finding; the best F1 among the cases as they are (paper 1); the best F1 where ``target`` of all
    images have the finding; or the sensitivity or the specificity that must be reached.
    """

    aim: Aim = Aim.BALANCED
    target: float = 0.0

    def __str__(self) -> str:
        return f"{self.aim.value}={self.target:g}" if self.aim.has_target else self.aim.value

    @property
    def words(self) -> str:
        """The objective in words, as pages say it."""
        match self.aim:
            case Aim.BALANCED:
                return "the best mean of sensitivity and specificity"
            case Aim.F1:
                return "the best F1"
            case Aim.PREVALENCE:
                return f"the best F1 where {self.target:.0%} of images have the finding"
            case _:
                return f"a {self.aim.value} of {self.target:g}"


F1 = Objective(aim=Aim.F1)


def parse_objective(text: str) -> Objective:
    """Read ``balanced``, ``f1``, ``prevalence=0.1``, ``sensitivity=0.95`` or ``specificity=0.9``.

    Raises
    ------
    ValueError
        When the text is none of these, or the target does not lie between 0 and 1.
    """
    name, _, number = text.strip().lower().partition("=")
    aim = Aim(name) if name in set(Aim) else None
    if aim is not None and not aim.has_target and not number:
        return Objective(aim=aim)
    try:
        target = float(number) if aim is not None and aim.has_target else 0.0
    except ValueError:
        target = 0.0
    if aim is None or not 0 < target < 1:
        raise ValueError(
            f"objective {text!r} cannot be used: say balanced, f1, prevalence=0.1, "
            "sensitivity=0.95 or specificity=0.9 (a number between 0 and 1)"
        )
    return Objective(aim=aim, target=target)
