"""Channels of notices over REST; addresses go in and never come out."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, SecretStr

from dicom_node.administration.notifications import Notifications, ShownChannel
from dicom_node.domain.notice import Weight
from dicom_node.errors import ConflictError, NodeError, NotFoundError
from dicom_node.web.api.callers import MayConfigure

_PATH = "/notifications/channels"


class NewChannel(BaseModel):
    """A channel to add: an address of Apprise, and what it is told of."""

    model_config = ConfigDict(extra="forbid")
    name: str
    url: SecretStr
    weights: frozenset[Weight] = frozenset(Weight)


def make_router(notifications: Notifications) -> APIRouter:
    """Return the routes of channels."""
    router = APIRouter(tags=["Notifications"])

    @router.get(_PATH)
    def list_channels(who: MayConfigure) -> list[dict[str, Any]]:
        """List who is told, what of, and what went wrong last."""
        del who
        return [_shown(each) for each in notifications.all()]

    @router.post(_PATH, status_code=201)
    def add_channel(who: MayConfigure, request: NewChannel) -> dict[str, Any]:
        """Add a channel; its address is kept and never shown."""
        return _shown(
            notifications.add(
                request.name, request.url.get_secret_value(), request.weights, actor=who.actor
            )
        )

    @router.post(_PATH + "/{name}/test", status_code=204)
    def test_channel(who: MayConfigure, name: str) -> None:
        """Send a test over a channel."""
        try:
            notifications.test(name, actor=who.actor)
        except NotFoundError:
            raise
        except NodeError as error:
            raise ConflictError(str(error)) from error

    @router.delete(_PATH + "/{name}", status_code=204)
    def remove_channel(who: MayConfigure, name: str) -> None:
        """Forget a channel."""
        notifications.remove(name, actor=who.actor)

    return router


def _shown(channel: ShownChannel) -> dict[str, Any]:
    return {
        "name": channel.name,
        "leads_to": channel.leads_to,
        "weights": list(channel.weights),
        "standing": channel.standing,
        "last_told": channel.last_told,
        "trouble": channel.trouble,
    }
