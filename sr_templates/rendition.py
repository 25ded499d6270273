"""How a destination wants its results: in which language, and how overlays are laid out."""

from dataclasses import dataclass

from sr_templates.evidence_kind import EvidenceKind
from sr_templates.language.language import LanguageCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendition:
    """One way of writing and drawing results; what they say is the same in each.

    Parameters
    ----------
    language
        The language of overlays, pages and reports' text.
    beside
        Whether an overlay shows the unmarked image beside the marked one.
    """

    language: LanguageCode = LanguageCode.ENGLISH
    beside: bool = False

    @property
    def key(self) -> str:
        """Its name in rows and UIDs; empty for how results are made for everybody."""
        own = self.language is not LanguageCode.ENGLISH
        return " ".join([*([self.language.value] if own else []), *(["beside"] * self.beside)])

    @property
    def words(self) -> str:
        """What it is, for people."""
        parts = [f"in {self.language.english_name}"] * (self.language is not LanguageCode.ENGLISH)
        return ", ".join([*parts, *(["with the unmarked image beside it"] * self.beside)])


RENDERED = frozenset({EvidenceKind.SC, EvidenceKind.PDF, EvidenceKind.SOFT, EvidenceKind.BONE})
"""Kinds with words in their pixels or on their pages: they are drawn once more."""

LABELLED = frozenset({EvidenceKind.SEG, EvidenceKind.PR, EvidenceKind.PM})
"""Kinds with words beside what is drawn or measured: those are said again at delivery."""

PLAIN = Rendition()
"""How results are made first, and for whoever wants nothing else."""
