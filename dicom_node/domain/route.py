"""Routing: which model looks at which instances, decided by data (config/routes.toml).

A route is a set of conditions; every one that is given must hold. Patterns are shell-style globs
matched without regard to case, and nothing a user writes is ever evaluated as code.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase

from ai_engine.preprocessing.body_region import LIMBS, BodyRegion, regions_named
from ai_engine.preprocessing.view_position import is_one_of, view_named
from dicom_node.domain.header_words import is_human, regions_of, view_of
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.errors import InvalidFieldsError, NotFoundError

BODY_PART = "body part"
MODALITY = "modality"
# SOP classes (PS3.4 B.5) whose images are projection radiographs, whatever Modality says.
_RADIOGRAPHS = frozenset(
    {
        "1.2.840.10008.5.1.4.1.1.1",  # Computed Radiography
        "1.2.840.10008.5.1.4.1.1.1.1",  # Digital X-Ray, for presentation
        "1.2.840.10008.5.1.4.1.1.1.1.1",  # Digital X-Ray, for processing
    }
)
# Modalities that say nothing about how an image was made.
_VAGUE_MODALITIES = frozenset({"", "OT", "SC"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AppearanceCheck:
    """What a guard sees in the pixels of an image whose tags are missing or doubtful.

    ``body_part`` is in the words of Body Part Examined (0018,0015), and empty where the guard does
    not recognise what it was made to recognise; ``words`` say what it sees instead. ``is_typed``
    says that a network told the body part from others: where tags name none, it stands in for them.
    """

    body_part: str = ""
    words: str
    is_typed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDoubt:
    """One image whose tags say one thing and whose pixels another; the pixels decided."""

    sop_instance_uid: str
    tags: str
    pixels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionResult:
    """Whether one condition of a route holds for one instance, and why.

    ``told`` says why not in a result object, where ``reason`` repeats a value of the header: a
    sender may have written anything into it, a name too. ``is_untagged`` says that the header
    doesn't say either way.
    """

    condition: str
    holds: bool
    reason: str
    told: str = ""
    is_untagged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One entry of config/routes.toml.

    Empty conditions hold for everything. ``untagged_body_part`` says what happens to an instance
    that names no body part: with True the model's own guard decides from the pixels. With
    ``pixels_decide`` it is also asked about images that name another body part, or a modality that
    says nothing or contradicts the SOP class; the view and all else stand as the tags say.
    ``excluded_image_types`` are values of Image Type (0008,0008) that an instance may not have,
    such as LOCALIZER. ``destinations`` replaces the sender's own when it is given. With two
    ``readers``, two experts read each result without seeing each other's verdict, and a third
    decides where they differ. With ``reads_first`` experts say what they see before they are shown
    what the model says.
    """

    name: str
    model: str
    modalities: frozenset[str] = frozenset()
    body_parts: frozenset[str] = frozenset()
    body_part_codes: frozenset[str] = frozenset()
    untagged_body_part: bool = False
    pixels_decide: bool = False
    views: frozenset[str] = frozenset()
    excluded_image_types: frozenset[str] = frozenset()
    calling_ae_titles: tuple[str, ...] = ()
    manufacturers: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    urgent: bool = False
    destinations: tuple[str, ...] = ()
    readers: int = 1
    reads_first: bool = False

    def __post_init__(self) -> None:
        """Check what cannot be checked by type.

        Raises
        ------
        InvalidFieldsError
            When the route asks for a number of readers that there is no procedure for.
        """
        if self.readers not in (1, 2):
            words = f"readers is {self.readers}; use 1 or 2."
            raise InvalidFieldsError(f"route {self.name}", {"readers": words})

    def verdicts(
        self, instance: ReceivedInstance, look: AppearanceCheck | None = None
    ) -> tuple[ConditionResult, ...]:
        """Return every condition of this route with what it says of ``instance``.

        ``look`` is what its pixels show, where they were asked: of a body part that no tag names.
        """
        found = tuple(condition(self, instance) for condition in _CONDITIONS)
        if look is None or not look.is_typed:
            return found
        return tuple(_shown(self, each, look) if each.is_untagged else each for each in found)

    def matches(self, instance: ReceivedInstance, look: AppearanceCheck | None = None) -> bool:
        """Whether every condition holds for ``instance``."""
        return all(verdict.holds for verdict in self.verdicts(instance, look))

    def asks_pixels(self, instance: ReceivedInstance) -> bool:
        """Whether pixels may say what no tag of ``instance`` does, or overrule what tags say."""
        verdicts = self.verdicts(instance)
        if all(verdict.holds for verdict in verdicts):
            return self.pixels_decide and any(verdict.is_untagged for verdict in verdicts)
        return bool(self.doubts(instance))

    def wants(self, body_part: str) -> bool:
        """Whether the route is for a body part that pixels show, by the same words as for tags."""
        wanted = frozenset[BodyRegion]().union(*map(regions_named, self.body_parts))
        return body_part in self.body_parts or bool(wanted & regions_named(body_part))

    def doubts(self, instance: ReceivedInstance) -> tuple[ConditionResult, ...]:
        """Return the conditions that keep ``instance`` out, if pixels may overrule all of them."""
        failed = tuple(verdict for verdict in self.verdicts(instance) if not verdict.holds)
        if not self.pixels_decide or not all(_is_doubtful(each, instance) for each in failed):
            return ()
        return failed


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteSet:
    """All routes at one moment; ``actor`` and ``at`` say who made them so, and when.

    Of ``revision`` 0 are those of config/routes.toml, which count until somebody changes one, and
    again when somebody goes back to the file.
    """

    routes: tuple[Route, ...]
    revision: int = 0
    actor: str = ""
    at: datetime | None = None

    @property
    def is_of_file(self) -> bool:
        """Whether these are the routes of the file."""
        return self.revision == 0

    def named(self, name: str) -> Route:
        """Return a route.

        Raises
        ------
        NotFoundError
            When there is none of that name.
        """
        for each in self.routes:
            if each.name == name:
                return each
        raise NotFoundError(f"route {name} does not exist: `dicom-node route list` shows all.")


def is_radiograph(instance: ReceivedInstance) -> bool:
    """Whether the SOP class says that an image is a projection radiograph."""
    return instance.sop_class_uid in _RADIOGRAPHS


def _shown(route: Route, unnamed: ConditionResult, look: AppearanceCheck) -> ConditionResult:
    """What pixels say of a body part in place of a header that names none."""
    return replace(
        unnamed,
        holds=bool(look.body_part) and route.wants(look.body_part),
        reason=f"no body part in the header, and the pixels show: {look.words}",
        told="",
    )


def _is_doubtful(failed: ConditionResult, instance: ReceivedInstance) -> bool:
    """Whether pixels may overrule a condition that does not hold."""
    if failed.condition == BODY_PART:
        return True
    modality = (instance.header.modality or "").strip().upper()
    return failed.condition == MODALITY and (
        modality in _VAGUE_MODALITIES or is_radiograph(instance)
    )


def _has_pixels(_route: Route, instance: ReceivedInstance) -> ConditionResult:
    return ConditionResult(
        condition="pixels",
        holds=instance.header.has_pixels,
        reason="has pixel data" if instance.header.has_pixels else "no pixel data",
    )


def _species(_route: Route, instance: ReceivedInstance) -> ConditionResult:
    human = is_human(instance.header.patient_species)
    return ConditionResult(
        condition="species",
        holds=human,
        reason="not said to be an animal" if human else "the patient is an animal",
    )


def _modality(route: Route, instance: ReceivedInstance) -> ConditionResult:
    return _one_of(MODALITY, route.modalities, instance.header.modality)


def _body_part(route: Route, instance: ReceivedInstance) -> ConditionResult:
    """Take what a header names in any word, language or code; an unknown word says nothing."""
    if not route.body_parts and not route.body_part_codes:
        return ConditionResult(condition=BODY_PART, holds=True, reason="any body part")
    header = instance.header
    region = header.anatomic_region
    code = f"{region.scheme}:{region.value}" if region else None
    if code and code in route.body_part_codes:
        reason = f"anatomic region code {code} is wanted"
        return ConditionResult(condition=BODY_PART, holds=True, reason=reason)
    exact = _one_of(BODY_PART, route.body_parts, header.body_part_examined)
    wanted = frozenset[BodyRegion]().union(*map(regions_named, route.body_parts))
    if exact.holds or (not wanted and header.body_part_examined):
        return exact
    named = regions_of(header)
    if named & wanted:
        reason = f"body part {', '.join(sorted(named))} is wanted"
        return ConditionResult(condition=BODY_PART, holds=True, reason=reason)
    if named and not (BodyRegion.EXTREMITY in named and wanted & LIMBS):
        return exact
    return _unnamed_body_part(route, instance, wanted)


def _unnamed_body_part(
    route: Route, instance: ReceivedInstance, wanted: frozenset[BodyRegion]
) -> ConditionResult:
    """Let the protocol's and the descriptions' words stand in, and then the model's own guard."""
    header = instance.header
    hints = (header.protocol_name, header.series_description, header.study_description)
    hinted = frozenset[BodyRegion]().union(*map(regions_named, hints)) & wanted
    if hinted:
        reason = f"the protocol or a description names {', '.join(sorted(hinted))}"
        return ConditionResult(condition=BODY_PART, holds=True, reason=reason)
    known = (
        "known body part" if header.body_part_examined or header.anatomic_region else "body part"
    )
    reason = f"no {known} in the header"
    if route.untagged_body_part:
        reason += ", so the model's guard decides"
    return ConditionResult(
        condition=BODY_PART, holds=route.untagged_body_part, reason=reason, is_untagged=True
    )


def _view(route: Route, instance: ReceivedInstance) -> ConditionResult:
    header = instance.header
    view = view_of(header)
    if view is None:
        known = "known view" if header.view_position or header.view else "view"
        return ConditionResult(condition="view", holds=True, reason=f"no {known} in the header")
    wanted = {named for each in route.views if (named := view_named(each))}
    if is_one_of(view, wanted):
        return ConditionResult(condition="view", holds=True, reason=f"view {view} is wanted")
    return _one_of("view", route.views, view)


def _image_type(route: Route, instance: ReceivedInstance) -> ConditionResult:
    present = {value.strip().upper() for value in instance.header.image_type}
    unwanted = sorted(present & route.excluded_image_types)
    return ConditionResult(
        condition="image type",
        holds=not unwanted,
        reason=f"image type {', '.join(unwanted)} is excluded" if unwanted else "not excluded",
    )


def _calling_ae_title(route: Route, instance: ReceivedInstance) -> ConditionResult:
    return _like("calling AE title", route.calling_ae_titles, instance.calling_ae)


def _manufacturer(route: Route, instance: ReceivedInstance) -> ConditionResult:
    return _like("manufacturer", route.manufacturers, instance.header.manufacturer)


def _description(route: Route, instance: ReceivedInstance) -> ConditionResult:
    if not route.descriptions:
        return ConditionResult(condition="description", holds=True, reason="any description")
    texts = (instance.header.study_description, instance.header.series_description)
    holds = any(_globbed(text, route.descriptions) for text in texts if text)
    # Descriptions are free text and may name people: the reason does not repeat them.
    return ConditionResult(
        condition="description",
        holds=holds,
        reason="description matches the patterns"
        if holds
        else "description matches none of the patterns",
    )


_CONDITIONS: tuple[Callable[[Route, ReceivedInstance], ConditionResult], ...] = (
    _has_pixels,
    _species,
    _modality,
    _body_part,
    _view,
    _image_type,
    _calling_ae_title,
    _manufacturer,
    _description,
)


def _one_of(condition: str, wanted: frozenset[str], value: str | None) -> ConditionResult:
    if not wanted:
        return ConditionResult(condition=condition, holds=True, reason=f"any {condition}")
    present = (value or "").strip().upper()
    if present in wanted:
        reason, told = f"{condition} {present} is wanted", f"the {condition} is wanted"
        return ConditionResult(condition=condition, holds=True, reason=reason, told=told)
    listed = ", ".join(sorted(wanted))
    if not present:
        told = f"no {condition} is stated; it is not one of {listed}"
        reason = f"{condition} (none) is not one of {listed}"
        return ConditionResult(condition=condition, holds=False, reason=reason, told=told)
    return ConditionResult(
        condition=condition,
        holds=False,
        reason=f"{condition} {present} is not one of {listed}",
        told=f"the {condition} is not one of {listed}",
    )


def _like(condition: str, patterns: tuple[str, ...], value: str | None) -> ConditionResult:
    if not patterns:
        return ConditionResult(condition=condition, holds=True, reason=f"any {condition}")
    listed = ", ".join(patterns)
    if _globbed(value or "", patterns):
        return ConditionResult(
            condition=condition, holds=True, reason=f"{condition} matches {listed}"
        )
    return ConditionResult(
        condition=condition, holds=False, reason=f"{condition} matches none of {listed}"
    )


def _globbed(text: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text.upper(), pattern.upper()) for pattern in patterns)
