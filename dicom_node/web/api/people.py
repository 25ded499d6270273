"""People and machine tokens over REST."""

from typing import Any

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from dicom_node.administration.entries import written
from dicom_node.administration.people import TOKEN_REQUEST, USER_ENTRY, People
from dicom_node.domain.machine_token import MachineToken
from dicom_node.domain.user import User
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.api.bodies import (
    Entry,
    IfMatch,
    described,
    seen_version,
    with_version,
    without_version,
)
from dicom_node.web.api.callers import MayManagePeople

_PATH, _TOKENS = "/users", "/tokens"
_TOKEN: TypeAdapter[MachineToken] = TypeAdapter(MachineToken)


def make_router(people: People) -> APIRouter:
    """Return the routes of people and of tokens."""
    router = APIRouter(tags=["People"])
    _add_people(router, people)
    _add_tokens(router, people)
    return router


def _add_people(router: APIRouter, people: People) -> None:
    @router.get(_PATH)
    def list_users(who: MayManagePeople) -> list[dict[str, Any]]:
        """List who may sign in."""
        del who
        return [{**_body(each), "version": str(each.epoch)} for each in people.all()]

    @router.get(_PATH + "/{name}")
    def read_user(who: MayManagePeople, response: Response, name: str) -> dict[str, Any]:
        """Read one person; the version stands in the body and in the ETag."""
        del who
        user = people.get(name)
        return with_version(response, _body(user), str(user.epoch))

    @router.post(_PATH, status_code=201)
    def add_user(who: MayManagePeople, response: Response, entry: Entry) -> dict[str, Any]:
        """Add a person: name, roles, password, and title and organization for reports."""
        said = dict(entry)
        password = str(said.pop("password", ""))
        people.add(people.read(said), password, actor=who.actor)
        user = people.get(str(said["name"]))
        return with_version(response, _body(user), str(user.epoch))

    @router.put(_PATH + "/{name}", openapi_extra=described(USER_ENTRY))
    def change_user(
        who: MayManagePeople, response: Response, name: str, entry: Entry, if_match: IfMatch = ""
    ) -> dict[str, Any]:
        """Replace what is known of a person, if it still is that version; sessions end."""
        user = people.read(without_version(entry))
        if user.name != name:
            words = "the name is that of the address: nobody is renamed."
            raise InvalidFieldsError(f"user {name}", {"name": words})
        people.change(user, actor=who.actor, epoch=_epoch(if_match))
        user = people.get(name)
        return with_version(response, _body(user), str(user.epoch))

    @router.delete(_PATH + "/{name}", status_code=204)
    def remove_user(who: MayManagePeople, name: str) -> None:
        """Forget a person and the tokens in their name; verdicts keep it."""
        people.remove(name, actor=who.actor)


def _add_tokens(router: APIRouter, people: People) -> None:
    @router.get(_TOKENS)
    def list_tokens(who: MayManagePeople) -> list[dict[str, Any]]:
        """List the tokens; their texts are kept nowhere."""
        del who
        return [written(_TOKEN, each) for each in people.tokens()]

    @router.post(_TOKENS, status_code=201, openapi_extra=described(TOKEN_REQUEST))
    def issue_token(who: MayManagePeople, entry: Entry) -> dict[str, Any]:
        """Make a token; `token` is its text, which is shown this once."""
        token, text = people.issue(people.read_token(entry), actor=who.actor)
        return {**written(_TOKEN, token), "token": text}

    @router.delete(_TOKENS + "/{token_id}", status_code=204)
    def revoke_token(who: MayManagePeople, token_id: str) -> None:
        """Take a token back; it is refused at once."""
        people.revoke(token_id, actor=who.actor)


def _epoch(if_match: str) -> int:
    version = seen_version(if_match)
    # Something else than a number was never a version of a person: nothing matches it.
    return int(version) if version.isdecimal() and len(version) < 10 else -1


def _body(user: User) -> dict[str, Any]:
    body = written(USER_ENTRY, user)
    del body["epoch"]
    return body
