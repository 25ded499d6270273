"""AE titles over REST."""

from typing import Any

from fastapi import APIRouter, Response

from dicom_node.administration.ae_titles import AE_TITLE_ENTRY, AeTitles
from dicom_node.administration.entries import written
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.version import version_of
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.api.bodies import (
    Entry,
    IfMatch,
    described,
    seen_version,
    with_version,
    without_version,
)
from dicom_node.web.api.callers import MayConfigure, MayLook, MayOperate

_PATH = "/ae-titles"
# Titles may hold slashes.
_ONE = _PATH + "/{title:path}"


def make_router(titles: AeTitles) -> APIRouter:
    """Return the routes of AE titles."""
    router = APIRouter(tags=["AE titles"])
    _add_looking(router, titles)
    _add_credentials(router, titles)
    _add_changing(router, titles)
    return router


def _add_looking(router: APIRouter, titles: AeTitles) -> None:
    @router.get(_PATH)
    def list_ae_titles(who: MayLook) -> list[dict[str, Any]]:
        """List who may call, and who gets results."""
        del who
        return [{**_body(each), "version": version_of(each)} for each in titles.all()]

    @router.get(_ONE)
    def read_ae_title(who: MayLook, response: Response, title: str) -> dict[str, Any]:
        """Read one entry; its version stands in it and in the ETag."""
        del who
        entity = titles.get(title)
        return with_version(response, _body(entity), version_of(entity))

    @router.post(_ONE + "/echo")
    def echo_ae_title(who: MayOperate, title: str) -> dict[str, Any]:
        """Send it a C-ECHO; the answer says after how many seconds it came."""
        del who
        return {"title": title, "seconds": round(titles.echo(title), 4)}


def _add_credentials(router: APIRouter, titles: AeTitles) -> None:
    @router.put(_ONE + "/credential", status_code=204)
    def keep_credential(who: MayConfigure, title: str, entry: Entry) -> None:
        """Keep what opens its DICOMweb or REST side: `user` and `secret`; nobody can read it."""
        user, secret = str(entry.get("user", "")), str(entry.get("secret", ""))
        titles.keep_credential(title, user=user, secret=secret, actor=who.actor)

    @router.delete(_ONE + "/credential", status_code=204)
    def forget_credential(who: MayConfigure, title: str) -> None:
        """Forget it."""
        titles.forget_credential(title, actor=who.actor)


def _add_changing(router: APIRouter, titles: AeTitles) -> None:
    @router.post(_PATH, status_code=201, openapi_extra=described(AE_TITLE_ENTRY))
    def add_ae_title(who: MayConfigure, response: Response, entry: Entry) -> dict[str, Any]:
        """Add an entry whose title is new; it counts from the next association on."""
        entity = titles.read(entry)
        titles.add(entity, actor=who.actor)
        return with_version(response, _body(entity), version_of(entity))

    @router.put(_ONE, openapi_extra=described(AE_TITLE_ENTRY))
    def change_ae_title(
        who: MayConfigure, response: Response, title: str, entry: Entry, if_match: IfMatch = ""
    ) -> dict[str, Any]:
        """Replace an entry, if it still is the version that If-Match names."""
        entity = titles.read(without_version(entry))
        if entity.title.strip(" ") != title:
            words = "the title is that of the address: add another entry, and remove this one."
            raise InvalidFieldsError(f"AE {title}", {"title": words})
        titles.change(entity, version=seen_version(if_match), actor=who.actor)
        return with_version(response, _body(entity), version_of(entity))

    @router.delete(_ONE, status_code=204)
    def remove_ae_title(who: MayConfigure, title: str, if_match: IfMatch = "") -> None:
        """Remove an entry, if it still is the version that If-Match names."""
        titles.remove(title, version=seen_version(if_match), actor=who.actor)


def _body(entity: ApplicationEntity) -> dict[str, Any]:
    return written(AE_TITLE_ENTRY, entity)
