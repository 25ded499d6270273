"""Shares as people read them, and as content items state them."""

from ai_engine.figures import digits_apart

# Digits behind the point of content items, at most.
_EXACT = 10


def percent(share: float, beside: float | None = None) -> str:
    """Write a share in whole per cent, never rounded to certainty.

    Where it stands ``beside`` another one, such as a threshold, it is as fine as it takes to tell
    which of the two is larger.
    """
    digits = 0 if beside is None else digits_apart(100 * share, 100 * beside, coarsest=0)
    finest = 10.0**-digits
    if share < 1.0 and round(100 * share, digits) == 100.0:
        return f"> {100 - finest:.{digits}f} %"
    if share > 0.0 and round(100 * share, digits) == 0.0:
        return f"< {finest:.{digits}f} %"
    return f"{100 * share:.{digits}f} %"


def percentage(share: float, beside: float) -> float:
    """Give a share of 1 in per cent, to a tenth, or finer beside a threshold that is as near.

    It is finer, too, where it would be rounded to certainty.
    """
    coarsest = digits_apart(100 * share, 100 * beside, coarsest=1)
    numbers = (round(100 * share, digits) for digits in range(coarsest, _EXACT + 1))
    is_certain = share in (0.0, 1.0)
    smallest = float(f"{100 * share:.6g}")
    return next((each for each in numbers if is_certain or 0.0 < each < 100.0), smallest)
