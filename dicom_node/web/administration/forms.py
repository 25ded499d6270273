"""Forms: what was typed is kept until it can be used, and each field says what is wrong with it."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData

_OWN = frozenset({"csrf_token", "version"})


async def _form(request: Request) -> AsyncIterator[FormData]:
    form = await request.form()
    yield form
    await form.close()  # files that were sent with it


Posted = Annotated[FormData, Depends(_form)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """What a form shows: ``values`` as typed, ``wrong`` beside the fields, ``problem`` above."""

    values: Mapping[str, Any]
    version: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


def words_of(text: str) -> list[str]:
    """Return what a field lists, separated by commas or on lines of their own."""
    return [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]


def typed(
    form: FormData, *, lists: Collection[str] = (), flags: Collection[str] = ()
) -> dict[str, Any]:
    """Return what a form says: text, but for ``lists`` (of ticked boxes) and ``flags``."""
    texts = {
        name: value.strip()
        for name, value in form.items()
        if isinstance(value, str) and name not in _OWN and name not in lists
    }
    return {
        **texts,
        **{name: [str(each) for each in form.getlist(name)] for name in lists},
        **{name: form.get(name) == "1" for name in flags},
    }
