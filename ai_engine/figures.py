"""Figures beside each other: as fine as it takes to tell those apart that differ."""

_FINEST = 10


def digits_apart(*values: float, coarsest: int) -> int:
    """Return how many digits behind the point tell values apart, at least ``coarsest``."""
    different = set(values)
    for digits in range(coarsest, _FINEST):
        if len({round(each, digits) for each in different}) == len(different):
            return digits
    return _FINEST


def told_apart(*values: float, coarsest: int) -> tuple[str, ...]:
    """Write values with the same number of digits, so that none looks like another that differs."""
    digits = digits_apart(*values, coarsest=coarsest)
    return tuple(f"{each:.{digits}f}" for each in values)
