"""Which slices show what, in words (paper 5, section 5.7 and Fig. 7)."""

from collections.abc import Sequence
from itertools import groupby

from ai_engine.ct.results import Caution, CtAnalysis, LungMeasurement, Pattern, SliceRange
from ai_engine.ct.shares import share_in_words


def slice_ranges(patterns: Sequence[frozenset[Pattern]]) -> tuple[SliceRange, ...]:
    """Join consecutive slices with the same patterns; ``patterns`` has one set per slice."""
    ranges = []
    first = 1
    for found, group in groupby(patterns):
        last = first + len(list(group)) - 1
        ordered = tuple(pattern for pattern in Pattern if pattern in found)
        ranges.append(SliceRange(first=first, last=last, patterns=ordered))
        first = last + 1
    return tuple(ranges)


def explain(ranges: Sequence[SliceRange], total: int) -> tuple[str, ...]:
    """One sentence on the number of slices, ``total``, then one for each range."""
    opening = f"There are {total} slices in total, counted from the head."
    return opening, *(_sentence(entry) for entry in ranges)


def conclusion(analysis: CtAnalysis) -> str:
    """The whole result in a sentence or two.

    "Healthy", the published name of the first grade, is said only where nothing at all was found,
    nothing forbids a grade and the lungs are not dark, and only in brackets.
    """
    both = analysis.measurements[2]
    aerated = f"{both.aerated_ml:.0f} ml of aerated lung"
    if analysis.doubts:
        words = "Cannot grade. " + " ".join(doubt.value for doubt in analysis.doubts)
        if analysis.findings:
            words = f"{_share(both)} {words}"
        return words
    if analysis.findings:
        return _share(both)
    if Caution.DARK in analysis.cautions:
        return f"No inhomogeneity measured in {aerated} (grade 1). " + Caution.DARK.value
    return (
        f"No inhomogeneity measured in {aerated} (grade 1; its published name is: healthy lungs)."
    )


def _share(both: LungMeasurement) -> str:
    share = share_in_words(both.percentage or 0.0)
    return (
        f"Inhomogeneity of {share} measured in {both.volume_ml:.0f} ml of lung, of which "
        f"{both.aerated_ml:.0f} ml are aerated."
    )


def _sentence(entry: SliceRange) -> str:
    where = f"slice {entry.first}"
    if entry.last > entry.first:
        where = f"slices {entry.first}-{entry.last}"
    if not entry.patterns:
        return f"Areas of inhomogeneity were not found on {where}."
    kinds = [pattern.value for pattern in entry.patterns if pattern is not Pattern.UNDECIDED]
    undecided = Pattern.UNDECIDED in entry.patterns
    what = "Areas of inhomogeneity whose type was not decided"
    if kinds:
        types = _listed(kinds)
        one = f"Areas of inhomogeneity of the {types} type"
        what = one if len(kinds) == 1 else f"Areas of inhomogeneity of the {types} types"
        what = f"{what}, and others whose type was not decided," if undecided else what
    return f"{what} are determined on {where} and are highlighted with a red outline."


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
