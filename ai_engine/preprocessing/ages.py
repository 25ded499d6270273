"""Which ages are believed."""

UNBELIEVABLE = 120.0
"""Years above which an age is a mistake: the RSNA challenge has some of 148 and more."""

APART = 2.0
"""Years by which Patient's Age and the birth date may differ: dates are shifted to hide them."""
