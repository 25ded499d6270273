"""The routes of the calibration and drift pages; whoever may see devices."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from ai_engine.calibration.cases import LabelCases
from ai_engine.calibration.device import EVERY_DEVICE
from ai_engine.library.card import ModelCard
from ai_engine.library.earned import reported_labels
from dicom_node.domain.calibration import CalibrationVersion, gone_back
from dicom_node.errors import NotFoundError
from dicom_node.web.devices import drawing
from dicom_node.web.devices.drawing import DARK, LIGHT, Look
from dicom_node.web.devices.ports import DeviceDesk
from dicom_node.web.frame import Frame
from dicom_node.web.languages import language_of
from dicom_node.web.sessions import WatchingDevices
from dicom_node.workflow.devices.calibrate import families, parent_points

CALIBRATION = "/calibration"
DRIFT = "/drift"
ALL_DEVICES = "all"
"""What URLs call all devices together."""

_Draw = Callable[[DeviceDesk, ModelCard, str, LabelCases, Look], bytes]


def _look(request: Request, user: WatchingDevices, light: bool = False) -> Look:
    """Return in whose language and in which colours a figure is drawn."""
    say = language_of(request, user).message
    return Look(say=say, colours=LIGHT if light else DARK)


Seen = Annotated[Look, Depends(_look)]


def make_calibration(frame: Frame, desk: DeviceDesk) -> APIRouter:
    """Return the routes of the calibration page."""
    router = APIRouter()

    @router.get(CALIBRATION)
    def calibration(
        request: Request, user: WatchingDevices, device: str = ALL_DEVICES, model: str = ""
    ) -> Response:
        card = _card(desk, model)
        key = _key(desk, device)
        used = _in_use(desk, card, key)
        found = desk.calibrating.cases(card, key)
        history = desk.book.history(key, card.identity)
        return frame.page(
            request,
            user,
            "calibration.html",
            card=card,
            cards=desk.cards(),
            device=device,
            devices=desk.devices(),
            families=families(desk.devices().values()),
            used=used,
            minimum=desk.calibrating.minimum,
            is_own=used is not None and used.calibration.device == key,
            labels={each.label: each for each in used.calibration.labels} if used else {},
            cases=found.cases,
            without_score=found.without_score,
            uses=history[::-1],
            gone_back=gone_back(history),
        )

    @router.get(CALIBRATION + "/{device}/{label}/{figure}.svg")
    def figure(look: Seen, device: str, label: str, figure: str, model: str = "") -> Response:
        card, key = _card(desk, model), _key(desk, device)
        if figure not in _FIGURES or label not in {each.name for each in reported_labels(card)}:
            raise NotFoundError(f"there is no figure {figure} of label {label}.")
        (cases,) = desk.calibrating.cases(card, key, label=label).cases
        if not cases.positives or not cases.negatives:
            raise NotFoundError(f"label {label} has no cases of both kinds to draw.")
        return _svg(_FIGURES[figure](desk, card, key, cases, look))

    return router


def make_drift(frame: Frame, desk: DeviceDesk) -> APIRouter:
    """Return the routes of the drift page."""
    router = APIRouter()

    @router.get(DRIFT)
    def drift(request: Request, user: WatchingDevices, model: str = "") -> Response:
        card = _card(desk, model)
        return frame.page(
            request,
            user,
            "drift.html",
            card=card,
            cards=desk.cards(),
            devices=desk.devices(),
            drifts=[
                desk.watch.measure(device, card.identity) for device in desk.watched(card.name)
            ],
            floor=desk.floor,
        )

    @router.get(DRIFT + "/{device}/acceptance.svg")
    def acceptance(look: Seen, device: str, model: str = "") -> Response:
        card = _card(desk, model)
        if device not in desk.watched(card.name):
            raise NotFoundError(f"device {device} is not known.")
        weeks = desk.watch.weeks(device, card.identity)
        if not weeks:
            raise NotFoundError(f"device {device} has no verdicts of these weeks to draw.")
        return _svg(drawing.acceptance(weeks, desk.floor, look))

    return router


def _card(desk: DeviceDesk, model: str) -> ModelCard:
    cards = {card.name: card for card in desk.cards()}
    if model and model not in cards:
        raise NotFoundError(f"model {model} is not active or has no probabilities.")
    if not cards:
        raise NotFoundError("no active model has probabilities to calibrate.")
    return cards[model] if model else next(iter(cards.values()))


def _key(desk: DeviceDesk, device: str) -> str:
    if device == ALL_DEVICES:
        return EVERY_DEVICE
    if device not in desk.devices() and device not in families(desk.devices().values()):
        raise NotFoundError(f"device {device} has no validated cases.")
    return device


def _in_use(desk: DeviceDesk, card: ModelCard, key: str) -> CalibrationVersion | None:
    """What decides a device's images: a new one's as those of other devices of its model."""
    device = desk.devices().get(key)
    return desk.book.in_use(key, card.identity, family=device.family_id if device else "")


def _points(desk: DeviceDesk, card: ModelCard, key: str, label: str) -> tuple[Any, Any]:
    """The operating point in use, and the one that a device without its own would have."""
    parents = parent_points(card, desk.calibrating.parent(key, card.identity))
    used = _in_use(desk, card, key)
    return (used.calibration.points if used else parents).get(label, parents[label]), parents[label]


def _roc(desk: DeviceDesk, card: ModelCard, key: str, cases: LabelCases, look: Look) -> bytes:
    return drawing.roc(cases, *_points(desk, card, key, cases.label), look)


def _reliability(
    desk: DeviceDesk, card: ModelCard, key: str, cases: LabelCases, look: Look
) -> bytes:
    return drawing.reliability(cases, _points(desk, card, key, cases.label)[0], look)


def _thresholds(
    desk: DeviceDesk, card: ModelCard, key: str, cases: LabelCases, look: Look
) -> bytes:
    return drawing.thresholds(cases, _points(desk, card, key, cases.label)[0], look)


_FIGURES: Mapping[str, _Draw] = {
    "roc": _roc,
    "reliability": _reliability,
    "thresholds": _thresholds,
}


def _svg(drawn: bytes) -> Response:
    return Response(drawn, media_type="image/svg+xml", headers={"Cache-Control": "no-store"})
