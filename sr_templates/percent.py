"""Shares as people read them, and as content items state them."""

# Digits behind the point, where nothing else tells two shares apart: for people, for programs.
_READABLE, _EXACT = 4, 10


def percent(share: float, beside: float | None = None) -> str:
    """Write a share in whole per cent, never rounded to certainty.

    Where it stands ``beside`` another one, such as a threshold, it is as fine as it takes to tell
    which of the two is larger.
    """
    digits = 0 if beside is None else _digits(share, beside, coarsest=0, finest=_READABLE)
    if digits == 0 and 0.995 <= share < 1.0:
        return "> 99 %"
    if digits == 0 and 0.0 < share < 0.005:
        return "< 1 %"
    return f"{100 * share:.{digits}f} %"


def percentage(share: float, beside: float) -> float:
    """Give a share of 1 in per cent, to a tenth, or finer beside a threshold that is as near."""
    return round(100 * share, _digits(share, beside, coarsest=1, finest=_EXACT))


def _digits(share: float, beside: float, *, coarsest: int, finest: int) -> int:
    """Return how many digits behind the point a percentage needs to be told from another one."""
    if share == beside or abs(share - beside) >= 10.0 ** -(coarsest + 2):
        return coarsest
    for digits in range(coarsest + 1, finest):
        if round(100 * share, digits) != round(100 * beside, digits):
            return digits
    return finest
