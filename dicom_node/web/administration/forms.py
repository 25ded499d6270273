"""Forms: what was typed is kept until it can be used, and each field says what is wrong with it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.datastructures import FormData

_OWN = frozenset({"csrf_token", "version"})


async def _form(request: Request) -> FormData:
    return await request.form()


Posted = Annotated[FormData, Depends(_form)]


@dataclass(frozen=True, slots=True, kw_only=True)
class FormState:
    """What a form shows: ``values`` as typed, ``wrong`` beside the fields, ``problem`` above."""

    values: Mapping[str, Any]
    version: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""


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
