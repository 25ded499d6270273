"""How news reads: one message for all of it, the worst first, without any patient data."""

from collections.abc import Iterator
from dataclasses import dataclass

from dicom_node.domain.notice import Matter, News, Weight

_ORDER = (Weight.FAILING, Weight.FINDING, Weight.DEGRADED)
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A title of one line, a text, and what it weighs; None where all is well again."""

    title: str
    text: str
    weight: Weight | None


def message_of(news: News, *, node: str, address: str) -> Message:
    """Write news as one message.

    Parameters
    ----------
    news
        What is new, changed or over; at most 20 matters are written out, the others counted.
    node
        What the node is called.
    address
        Where its pages are reached, without a slash at the end; empty: paths are left out.
    """
    matters = sorted(news.matters, key=lambda each: _ORDER.index(each.weight))
    lines = [line for each in matters[:_MOST] for line in _lines(each, address)]
    if len(matters) > _MOST:
        lines.append(f"… and {len(matters) - _MOST} more.")
    if news.over:
        lines += ["", "Well again:", *(f"- {each.words}" for each in news.over[:_MOST])]
        if len(news.over) > _MOST:
            lines.append(f"… and {len(news.over) - _MOST} more.")
    return Message(
        title=f"{node}: {_headline(news, matters)}",
        text="\n".join(lines).strip(),
        weight=matters[0].weight if matters else None,
    )


def trial(*, node: str, channel: str) -> Message:
    """Return the message of the button and the command that try a channel."""
    return Message(
        title=f"{node}: a test",
        text=f"This is a test of the channel {channel}. Nothing is wrong, there is nothing to do.",
        weight=None,
    )


def _headline(news: News, matters: list[Matter]) -> str:
    if not matters:
        return f"well again: {news.over[0].words}" if len(news.over) == 1 else "well again"
    first = matters[0]
    more = f" (and {len(matters) - 1} more)" if len(matters) > 1 else ""
    return f"{first.weight}: {first.words}{more}"


def _lines(matter: Matter, address: str) -> Iterator[str]:
    yield f"- {matter.words}"
    if matter.advice:
        yield f"  What to do: {matter.advice}"
    if matter.path and address:
        yield f"  {address}{matter.path}"
