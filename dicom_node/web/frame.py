"""The frame that every page hangs in: navigation, templates, and how a page is added.

A page is added in three steps:

1. a function that returns an ``APIRouter``, whose routes take ``Reviewing``, ``Looking`` or
   another permission of the sessions and answer with ``frame.page(request, user, "name.html", …)``;
2. a template ``templates/name.html`` that extends ``base.html`` and fills its ``content`` block
   (``plot.html`` has a macro for figures), its words in ``_()`` or ``trans``, and those that come
   from Python through the filter ``said``; then ``make messages``;
3. a ``Section`` in ``dicom_node/pages.py``: its title in the navigation, its path, its router.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from dicom_node.domain.user import User
from dicom_node.web import formatting
from dicom_node.web.assets import Assets
from dicom_node.web.languages import language_of
from dicom_node.web.sessions import csrf_token, told
from sr_templates.language.language import OWN_NAMES, Language, LanguageCode

_HERE = Path(__file__).parent
STATIC = _HERE / "static"
_NOWHERE = "/welcome"
_NOTICE = "For investigational use. Not for clinical decisions."


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """An entry of the navigation, and the routes behind it."""

    title: str
    path: str
    router: APIRouter
    is_for: Callable[[User], bool] = lambda _user: True


class Frame:
    """Renders pages, each within the navigation of the sections that its reader may use."""

    def __init__(self, *, version: str) -> None:
        self._version = version
        self._sections: tuple[Section, ...] = ()
        self._templates: dict[LanguageCode, Environment] = {}
        self.assets = Assets(STATIC)

    def show(self, sections: Sequence[Section]) -> None:
        """Say which sections there are, in the order of the navigation."""
        self._sections = tuple(sections)

    def home(self, user: User) -> str:
        """Return the path of the first section that is for ``user``."""
        return next((each.path for each in self._sections if each.is_for(user)), _NOWHERE)

    def page(
        self,
        request: Request,
        user: User | None,
        template: str,
        *,
        status: int = 200,
        **values: Any,
    ) -> HTMLResponse:
        """Render ``template`` for ``user``; None where nobody is signed in."""
        language = language_of(request, user)
        text = (
            self._environment(language)
            .get_template(template)
            .render(
                user=user,
                language=language.code.value,
                own_names=OWN_NAMES,
                sections=[each for each in self._sections if user and each.is_for(user)],
                here=request.url.path,
                csrf_token=csrf_token(request),
                told=told(request),
                version=self._version,
                notice=_NOTICE,
                **values,
            )
        )
        return HTMLResponse(text, status_code=status)

    def _environment(self, language: Language) -> Environment:
        """Return the templates in a language, compiled once for each that is wanted."""
        if language.code not in self._templates:
            made = Environment(
                loader=FileSystemLoader(_HERE / "templates"),
                autoescape=select_autoescape(default=True),
                undefined=StrictUndefined,
                trim_blocks=True,
                lstrip_blocks=True,
                auto_reload=False,
                extensions=["jinja2.ext.i18n"],
            )
            made.install_gettext_callables(  # type: ignore[attr-defined]
                language.message, language.counted, newstyle=True
            )
            made.filters.update(formatting.filters(language))
            made.globals["counted"] = formatting.forms(language)
            made.globals["asset"] = self.assets.url
            self._templates[language.code] = made
        return self._templates[language.code]
