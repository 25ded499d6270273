"""Storage both ways, for the conformance statement (PS3.2)."""

from collections.abc import Iterator

from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import Compression
from dicom_node.network.contexts import ContextTable
from dicom_node.network.ready_lines import KEPT_SECONDS
from dicom_node.network.sender import compressed
from dicom_node.network.status import (
    DUPLICATE_SOP_INSTANCE,
    REFUSED_FOR_GOOD,
    SOP_CLASS_NOT_SUPPORTED,
    STORE_MEANING,
    SUCCESS,
)
from dicom_node.network.storage_scu import VERIFICATION, proposed_syntaxes
from dicom_node.node.statement import code, name, table, title, uids
from sr_templates.forms.form import FORMS
from sr_templates.validation import TYPE_1_BY_CLASS

_AGAINST_THE_FIRST = (
    "",
    "nothing is lost: what is reported has two dimensions",
    "nothing is lost: what is reported has two dimensions",
    "numbers and coded values of findings are words, outlines are left out",
    "words on a page",
)


def storage_scp(settings: NodeSettings, contexts: ContextTable) -> Iterator[str]:
    """Yield the section of what is stored here."""
    yield from title(3, "3.2 Storage SCP: accepted presentation contexts")
    yield "Every transfer syntax listed is accepted for every SOP class listed, and for private SOP"
    yield "classes. Objects are stored as received, byte by byte (level 2, full), and acknowledged"
    yield "when they are durable. Of the transfer syntaxes proposed in one context, the first known"
    yield f"one is taken. Objects above {settings.network.max_object_bytes} bytes are refused."
    yield from title(4, "SOP classes")
    yield from uids([VERIFICATION, *contexts.storage_sop_classes])
    yield from title(4, "Transfer syntaxes")
    yield from uids(contexts.transfer_syntaxes)
    yield from title(4, "Status of C-STORE responses")
    yield from table(
        ("Status", "Meaning"),
        [
            ("0x0000", "Stored, and durable"),
            *((code(status), words) for status, words in STORE_MEANING.items()),
        ],
    )


def storage_scu(settings: NodeSettings) -> Iterator[str]:
    """Yield the section of what is sent."""
    yield from title(3, "3.3 Storage SCU: proposed presentation contexts")
    yield "What waits for a destination goes over one association; one transfer syntax in each"
    yield "context, in this order of preference. It may be opened while a result is being made, and"
    yield f"is released {KEPT_SECONDS:g} s later where nothing goes over it."
    yield "While a destination is down, it is probed."
    yield "A delivery that fails for a reason that may pass is tried again for"
    yield f"{settings.workflow.give_up_after / 86400:g} days. Compressed transfer syntaxes are"
    yield "those of `--compression smallest`, in their order; a destination may be given one, or"
    yield "none. By `automatic`, which is the default, one that is near gets what is uncompressed."
    smallest = compressed(Compression.SMALLEST)
    yield from table(
        ("SOP class", "UID", "Transfer syntaxes"),
        [
            (
                name(sop_class),
                f"`{sop_class}`",
                "; ".join(
                    name(syntax)
                    for syntax in proposed_syntaxes(
                        ExplicitVRLittleEndian, lossless=smallest.get(sop_class, ())
                    )
                ),
            )
            for sop_class in TYPE_1_BY_CLASS
        ],
    )
    others = map(code, sorted(REFUSED_FOR_GOOD - {SOP_CLASS_NOT_SUPPORTED}))
    yield from title(4, "What statuses of C-STORE responses mean to the node")
    yield from table(
        ("Status", "Meaning"),
        [
            (code(SUCCESS), "Delivered"),
            ("0x0001, 0x0107, 0x0116, 0xBxxx", "Delivered; the warning is kept"),
            (code(DUPLICATE_SOP_INSTANCE), "Delivered: it was there before"),
            (code(SOP_CLASS_NOT_SUPPORTED), "Refused for good; a report goes in its next form"),
            (f"{', '.join(others)}, 0xA9xx", "Refused for good"),
            ("Any other, or none", "Tried again"),
        ],
    )
    yield from _report_forms()


def _report_forms() -> Iterator[str]:
    yield ""
    yield "A report is written as the first of these and sent as the first that the destination"
    yield "accepts: asked by an association every five minutes, and again where a class is refused"
    yield "by status 0x0122. Each form is an instance of its own; references among reports lead to"
    yield "the instances that the destination was sent."
    yield from table(
        ("Form", "UID", "Against the first"),
        [
            (form.name, f"`{form.sop_class_uid}`", what)
            for form, what in zip(FORMS, _AGAINST_THE_FIRST, strict=True)
        ],
    )
