"""Catalogues of messages, read from gettext's PO files as translators keep them.

They are read when a language is first wanted (a few hundredths of a second): there is no compiled
copy beside them that could be older, and a checkout works as it is (docs/adr/0038).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from gettext import c2py
from pathlib import Path
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Translations of one language.

    ``messages`` has the forms of each message, one where it counts nothing; ``form_of`` tells which
    form a number takes.
    """

    messages: Mapping[str, tuple[str, ...]]
    plurals: Mapping[str, str]
    form_of: Callable[[int], int]

    def joined(self, other: "Catalogue") -> "Catalogue":
        """Return both; what both have is said as here."""
        return Catalogue(
            messages=MappingProxyType({**other.messages, **self.messages}),
            plurals=MappingProxyType({**other.plurals, **self.plurals}),
            form_of=self.form_of,
        )


def read_catalogue(path: Path) -> Catalogue:
    """Read a PO file; what is untranslated or uncertain (fuzzy) in it is left out."""
    # Only where another language than English is wanted.
    from babel.messages.pofile import read_po  # noqa: PLC0415

    with path.open("rb") as file:
        po = read_po(file)
    messages: dict[str, tuple[str, ...]] = {}
    plurals: dict[str, str] = {}
    for message in po:
        forms = _forms(message.string)
        ids = _forms(message.id)
        if not message.id or message.fuzzy or not all(forms):
            continue
        messages[ids[0]] = forms
        if len(ids) > 1:
            plurals[ids[1]] = ids[0]
    return Catalogue(
        messages=MappingProxyType(messages),
        plurals=MappingProxyType(plurals),
        form_of=c2py(po.plural_expr),
    )


def _forms(text: str | Iterable[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))
