"""The content tree of a report in a form that allows less: what does not fit is said in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydicom.dataset import Dataset

from sr_templates import codes
from sr_templates.forms.form import ReportForm
from sr_templates.forms.words import words_of

_REFERENCE = "ReferencedContentItemIdentifier"


@dataclass(slots=True)
class _Reduction:
    """The work on one tree; ``losses`` gathers what is not there any more, in words."""

    form: ReportForm
    losses: dict[str, None] = field(default_factory=dict)

    def children(self, item: Dataset, kind: str) -> list[Dataset]:
        """Return the children of an item, which is of value type ``kind`` from now on."""
        return [
            fitted
            for child in item.get("ContentSequence") or []
            for fitted in self.fit(child, kind)
        ]

    def fit(self, item: Dataset, source: str) -> Iterator[Dataset]:
        """Yield an item, or what stands for it below one of value type ``source``."""
        relationship = str(item.get("RelationshipType", ""))
        if _REFERENCE in item:
            yield from self._by_reference(item)
            return
        kind = self._kind(item)
        if not self.form.permits(source, relationship, kind):
            yield from self._replaced(item, source, relationship)
        elif kind == item.ValueType:
            yield self._with(_bare(item), item, kind)
        else:
            self._lost("coded values and numbers, which are words instead")
            yield self._with(_text(item, relationship), item, kind)

    def _kind(self, item: Dataset) -> str:
        """Return the value type that leaves an item its children: words, where a code has none."""
        kind = str(item.ValueType)
        ways = {
            str(child.get("RelationshipType", "")) for child in item.get("ContentSequence") or []
        }
        if kind == "CODE" and not all(self.form.permits_any(kind, way) for way in ways):
            return "TEXT"
        return kind

    def _replaced(self, item: Dataset, source: str, relationship: str) -> Iterator[Dataset]:
        if item.ValueType == "NUM" and self.form.permits(source, relationship, "TEXT"):
            self._lost("coded values and numbers, which are words instead")
            yield self._with(_text(item, relationship), item, "TEXT")
        elif item.ValueType == "SCOORD" and self.form.permits(source, relationship, "IMAGE"):
            self._lost("outlines, of which the images are named")
            yield from (_image(each, relationship) for each in _images(item))
        else:
            self._lost(f"items of value type {item.ValueType}")

    def _by_reference(self, item: Dataset) -> Iterator[Dataset]:
        if self.form.by_reference:
            yield item
        else:
            self._lost("references within the tree")

    def _with(self, made: Dataset, item: Dataset, kind: str) -> Dataset:
        if children := self.children(item, kind):
            made.ContentSequence = children
        return made

    def _lost(self, what: str) -> None:
        self.losses[what] = None


def reduced_children(root: Dataset, form: ReportForm) -> tuple[list[Dataset], tuple[str, ...]]:
    """Return the content of a report in another form, and what is lost, in words.

    Parameters
    ----------
    root
        The report: its root content item is the data set itself.
    form
        The form that it shall have.
    """
    reduction = _Reduction(form)
    return reduction.children(root, "CONTAINER"), tuple(reduction.losses)


def misfits(root: Dataset, form: ReportForm) -> Iterator[str]:
    """Say which relationships of a report's tree its form does not allow."""
    for child in root.get("ContentSequence") or []:
        if _REFERENCE in child:
            if not form.by_reference:
                yield f"{form.name} has no references within the tree"
            continue
        source, way, target = (
            str(each) for each in (root.ValueType, child.get("RelationshipType"), child.ValueType)
        )
        if not form.permits(source, way, target):
            yield f"{form.name} does not allow {source} {way} {target}"
        yield from misfits(child, form)


def _bare(item: Dataset) -> Dataset:
    made = Dataset()
    for element in item:
        if element.keyword != "ContentSequence":
            made.add(element)
    return made


def _text(item: Dataset, relationship: str) -> Dataset:
    made = _item(relationship, "TEXT", item.ConceptNameCodeSequence)
    made.TextValue = words_of(item)
    return made


def _images(item: Dataset) -> Iterator[Dataset]:
    """Yield what coordinates were selected from."""
    for child in item.get("ContentSequence") or []:
        if child.get("ValueType") == "IMAGE":
            yield child


def _image(item: Dataset, relationship: str) -> Dataset:
    """Return an image as a whole; named as a source, because it is no region."""
    made = _item(relationship, "IMAGE", [codes.code_item(codes.SOURCE)])
    made.ReferencedSOPSequence = item.ReferencedSOPSequence
    return made


def _item(relationship: str, value_type: str, name: Sequence[Dataset]) -> Dataset:
    made = Dataset()
    made.RelationshipType = relationship
    made.ValueType = value_type
    made.ConceptNameCodeSequence = name
    return made
