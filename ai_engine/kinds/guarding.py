"""What may stand between an image and a model: a guard, which a model's card names."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import Refusal
from ai_engine.preprocessing.radiograph import Radiograph

OVERRULING = 0.9
"""How sure a guard must be before it overrules what the attributes say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TagsHint:
    """What the object's attributes say, where the caller knows and trusts them."""

    modality: str | None = None
    is_lateral: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What an image certainly shows, whatever a model was made for.

    ``words`` are for people: "X-ray of the hand", "No radiograph". ``body_part`` is in the words of
    Body Part Examined (0018,0015), and empty where the image is no radiograph.
    """

    words: str
    body_part: str = ""


class Guard(Protocol):
    """Refuses what a model must not report on. Safe to call from several threads."""

    @property
    def sought(self) -> str:
        """What it lets pass, in words: "upright frontal chest"."""
        ...

    @property
    def body_part(self) -> str:
        """The same in the words of Body Part Examined (0018,0015)."""
        ...

    def check(
        self, radiograph: Radiograph, hint: TagsHint | None = None, *, least: float = 0.0
    ) -> None:
        """Pass an image, or raise ImageRefusedError with what it looks like instead.

        ``least`` raises the probability that an image needs, as `OVERRULING` does where the
        attributes say otherwise.
        """
        ...

    def seen(self, radiograph: Radiograph) -> Seen | None:
        """What an image certainly shows; None where it is not certain."""
        ...


def passes(guard: Guard, radiograph: Radiograph) -> bool:
    """Whether a guard lets an image pass, whatever its attributes say."""
    try:
        guard.check(radiograph)
    except ImageRefusedError:
        return False
    return True


def guarded(
    guard: Guard, radiographs: Sequence[Radiograph], hints: Mapping[str, TagsHint] | None = None
) -> tuple[tuple[Radiograph, ...], tuple[Refusal, ...]]:
    """The images that a model may see, and refusals of the others, in order.

    ``hints`` say what the attributes tell of an image, by SOP Instance UID.
    """
    passed, refused = [], []
    for radiograph in radiographs:
        uid = radiograph.sop_instance_uid
        try:
            guard.check(radiograph, (hints or {}).get(uid))
        except ImageRefusedError as error:
            refused.append(error.as_refusal(uid))
        else:
            passed.append(radiograph)
    return tuple(passed), tuple(refused)


class Unguarded:
    """Lets every image pass: for models whose card names no guard, and for measuring."""

    sought = "any image"
    body_part = ""

    def check(
        self, radiograph: Radiograph, hint: TagsHint | None = None, *, least: float = 0.0
    ) -> None:
        """Pass."""

    def seen(self, radiograph: Radiograph) -> Seen | None:
        """Nothing: nobody has looked."""
        return None
