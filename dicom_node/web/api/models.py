"""Models over REST."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict

from ai_engine.library.card import ModelCard
from dicom_node.administration.models import ModelVersions, Promotion, Suspensions
from dicom_node.errors import ConflictError, NodeError
from dicom_node.web.api.callers import MayLook, MayPromote

_SUSPENSIONS = "/suspensions"


class PromotionRequest(BaseModel):
    """Which version is to be active."""

    model_config = ConfigDict(extra="forbid")
    version: str


class SuspensionRequest(BaseModel):
    """Which model looks at no more images of which device, and why."""

    model_config = ConfigDict(extra="forbid")
    model: str
    device: str
    reason: str


def make_router(models: ModelVersions, suspensions: Suspensions) -> APIRouter:
    """Return the routes of models."""
    router = APIRouter(tags=["Models"])
    _add_versions(router, models)
    _add_suspensions(router, suspensions)
    return router


def _add_versions(router: APIRouter, models: ModelVersions) -> None:
    @router.get("/models")
    def list_models(who: MayLook) -> list[dict[str, Any]]:
        """List every version that is installed, with its figures, and whether it is active."""
        del who
        active = models.active()
        return [_card(each, active.get(each.name) == each.version) for each in models.cards()]

    @router.post("/models/{name}/promote")
    def promote_model(who: MayPromote, name: str, request: PromotionRequest) -> dict[str, Any]:
        """Make a version active, after making sure that it can be run."""
        with _refused():
            return _promotion(models.promote(name, request.version, actor=who.actor))

    @router.post("/models/{name}/rollback")
    def roll_model_back(who: MayPromote, name: str) -> dict[str, Any]:
        """Take the newest promotion of a model back."""
        with _refused():
            return _promotion(models.rollback(name, actor=who.actor))


def _add_suspensions(router: APIRouter, suspensions: Suspensions) -> None:
    @router.get(_SUSPENSIONS)
    def list_suspensions(who: MayLook) -> list[dict[str, Any]]:
        """List which models look at no images of which devices, and why."""
        del who
        return [
            {
                "model": each.model_name,
                "device": each.device_id,
                "at": each.at,
                "actor": each.actor,
                "reason": each.reason,
            }
            for each in suspensions.all()
        ]

    @router.post(_SUSPENSIONS, status_code=201)
    def suspend_model(who: MayPromote, request: SuspensionRequest) -> SuspensionRequest:
        """Let a model look at no more images of a device; reports state the reason."""
        suspensions.suspend(request.model, request.device, reason=request.reason, actor=who.actor)
        return request

    @router.delete(_SUSPENSIONS + "/{model}/{device}", status_code=204)
    def resume_model(who: MayPromote, model: str, device: str) -> None:
        """Let a suspended model look at a device's images again."""
        suspensions.resume(model, device, actor=who.actor)


@contextmanager
def _refused() -> Iterator[None]:
    """Whatever keeps a version from being active is a matter of its state, not of the server's."""
    try:
        yield
    except NodeError as error:
        raise ConflictError(str(error)) from error


def _card(card: ModelCard, active: bool) -> dict[str, Any]:
    return {
        "name": card.name,
        "version": card.version,
        "active": active,
        "title": card.title,
        "kind": card.kind,
        "weights_digest": card.weights_digest,
        "research_only": card.research_only,
        "intended_use": card.intended_use,
        "runs_at": card.runs_at,
        "limitations": list(card.limitations),
        "figures": [
            {
                "name": each.name,
                "label": each.label,
                "part": each.split,
                "group": each.group,
                "images": each.images,
                "value": each.value,
                "low": each.low,
                "high": each.high,
            }
            for each in card.metrics
        ],
    }


def _promotion(done: Promotion) -> dict[str, Any]:
    return {"model": done.model, "before": done.before, "after": done.after, "by": done.by}
