"""A report in another form: an object of its own, with a UID that derives from the report's."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass

from pydicom.dataset import Dataset

from sr_templates.file_meta import give_uid
from sr_templates.forms.form import BASIC_TEXT, FORM_OF, PDF, ReportForm
from sr_templates.forms.references import SentAs, lead_references, referenced_uids
from sr_templates.forms.tree import reduced_children
from sr_templates.uids import derived_uid

_PICTURE = "everything but the words: it is for reading only"


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherForm:
    """A report in another form, and what that lacks, in words; nothing lacks where it fits."""

    dataset: Dataset
    losses: tuple[str, ...]


def in_form(report: Dataset, form: ReportForm, sent: Mapping[str, SentAs]) -> OtherForm:
    """Return a report in another form.

    Parameters
    ----------
    report
        A structured report as it was written.
    form
        The form that it shall have.
    sent
        What stands for objects that the report refers to, by their SOP Instance UIDs, where the
        report goes.
    """
    made = deepcopy(report)
    lead_references(made, sent)
    losses: tuple[str, ...] = (_PICTURE,)
    if form is PDF:
        # Report and font writers: few peers have no structured reports.
        from sr_templates.forms.page import printable  # noqa: PLC0415

        made = printable(made)
    else:
        made.ContentSequence, losses = reduced_children(made, form)
        if form is BASIC_TEXT and "ContentTemplateSequence" in made:
            del made.ContentTemplateSequence  # measurements make TID 1500
    made.SOPClassUID = form.sop_class_uid
    give_uid(
        made,
        derived_uid("form", str(report.SOPInstanceUID), form.sop_class_uid, *_led(report, sent)),
    )
    return OtherForm(dataset=made, losses=losses)


def led_elsewhere(dataset: Dataset, sent: Mapping[str, SentAs]) -> Dataset | None:
    """Return an object that refers to what was sent in the place of others; None if it does not.

    What it says differs from what the object says, so it is another object (PS3.3 C.12.1).
    """
    led = _led(dataset, sent)
    if not led:
        return None
    made = deepcopy(dataset)
    lead_references(made, sent)
    give_uid(made, derived_uid("led", str(dataset.SOPInstanceUID), *led))
    return made


def form_of(sop_class_uid: str) -> ReportForm | None:
    """Return the form of a report of this class, None for what is no report."""
    return FORM_OF.get(sop_class_uid)


def _led(dataset: Dataset, sent: Mapping[str, SentAs]) -> tuple[str, ...]:
    named = referenced_uids(dataset) & sent.keys()
    return tuple(sent[uid].sop_instance_uid for uid in sorted(named))
