"""The schema of audit messages (PS3.15 Section A.5.1), to hold messages against."""

from functools import cache
from pathlib import Path

from lxml import etree

_GRAMMAR = Path(__file__).with_name("audit-message.rng")


def breaches(message: str) -> list[str]:
    """Where a message breaks the schema; nothing where it keeps it."""
    document = etree.fromstring(message.encode())
    grammar = _grammar()
    return [] if grammar.validate(document) else [str(each) for each in grammar.error_log]


@cache
def _grammar() -> etree.RelaxNG:
    return etree.RelaxNG(etree.parse(_GRAMMAR))
