"""Shares of a lung as people read them."""


def share_in_words(percentage: float, digits: int = 1) -> str:
    """Write a percentage of lung: what is little is not nothing, and nearly all is not all."""
    finest = 10.0**-digits
    if percentage > 0.0 and round(percentage, digits) == 0.0:
        return f"< {finest:.{digits}f} %"
    if percentage < 100.0 and round(percentage, digits) == 100.0:
        return f"> {100 - finest:.{digits}f} %"
    return f"{percentage:.{digits}f} %"
