"""What bf16 arithmetic changes of a model's results: the table ``[bf16]`` of its card."""

from dataclasses import dataclass

MOST_CHANGE = 0.002
"""The interval of the change lies within this of 0, or a model runs in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bf16Change:
    """A measure in bf16 less the same in float32, on the same images, with its 95 % interval.

    ``measure`` is its name ("dice"), ``images`` how many there were, and ``data`` which.
    """

    measure: str
    images: int
    change: float
    low: float
    high: float
    data: str = ""

    def __post_init__(self) -> None:
        """Refuse what is no interval (ValueError)."""
        if not -1 <= self.low <= self.change <= self.high <= 1 or self.images < 1:
            raise ValueError("bf16: change does not lie between low and high, or no image was seen")

    @property
    def is_harmless(self) -> bool:
        """Whether it is hardly a change."""
        return self.low >= -MOST_CHANGE and self.high <= MOST_CHANGE
