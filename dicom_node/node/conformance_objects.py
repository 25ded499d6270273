"""The objects that the node creates, and their codes, for the conformance statement (PS3.2)."""

from collections.abc import Iterator, Mapping

from pydicom.sr.coding import Code

from ai_engine.ct import codes as measured_codes
from ai_engine.library import labels
from ai_engine.prediction import Code as EngineCode
from dicom_node.configuration.settings import NodeSettings
from dicom_node.node.statement import name, table, title
from sr_templates import codes
from sr_templates.ct import codes as ct_codes
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.lung_segmentation import ANATOMY_OFFSET
from sr_templates.series_numbers import BLOCK
from sr_templates.validation import TYPE_1_BY_CLASS

_CODES = (codes, ct_codes, measured_codes, labels)


def created_objects(settings: NodeSettings) -> Iterator[str]:
    """Yield the section of created objects."""
    yield from title(2, "6 Created objects")
    yield "Results are new instances in the source's study, each kind in a series of its own. Each"
    yield "is checked before it is sent. The attributes below must have a value besides those"
    yield "of the patient, study, series, equipment and SOP common modules."
    base = settings.evidence.series_number_base
    yield from table(
        ("Kind", "Modality", "Series Number", "Series Description"),
        [
            (kind.value, each.modality, str(base + each.series_offset), f"{each.heading} …")
            for kind, each in EVIDENCE.items()
        ],
    )
    lungs = base + EVIDENCE[EvidenceKind.SEG].series_offset + ANATOMY_OFFSET
    yield f"A segmentation of lungs on a radiograph is in Series Number {lungs}, `AI lungs: …`."
    yield "These are the numbers of the models that come with the node. Any other model has a block"
    yield f"of {BLOCK} numbers of its own above them, which follows from its name."
    yield f"Objects of kind `{EvidenceKind.VENDOR}` are made by a program of somebody else, of the"
    yield "classes below: the node gives them patient, study, UIDs, Series Number (one for each of"
    yield "the program's series) and Contributing Equipment, checks them like its own, and refuses"
    yield "those of another patient or study. A model that runs on a server is asked by HTTP (Open"
    yield "Inference Protocol, version 2): pixels are sent, and no attribute."
    for sop_class, keywords in TYPE_1_BY_CLASS.items():
        yield from title(4, name(sop_class))
        yield ", ".join(keywords) + "."


def coded_terminology() -> Iterator[str]:
    """Yield the section of the private codes."""
    yield from title(2, "7 Coded terminology")
    yield f"Codes of the private scheme {codes.PRIVATE_SCHEME} ({codes.PRIVATE_SCHEME_NAME}), which"
    yield "each object declares in its Coding Scheme Identification Sequence, besides those of DCM,"
    yield "SCT, LN, UCUM and UMLS. `P-` followed by a finding's code is the probability of that"
    yield "finding."
    yield from table(
        ("Code", "Meaning"), [(f"`{value}`", meaning) for value, meaning in sorted(_own_codes())]
    )


def _own_codes() -> set[tuple[str, str]]:
    """Return the private codes that the modules name, alone and in tables of theirs."""
    named = (value for module in _CODES for value in vars(module).values())
    return {
        (each.value, each.meaning)
        for value in named
        for each in (value.values() if isinstance(value, Mapping) else (value,))
        if _scheme(each) == codes.PRIVATE_SCHEME
    }


def _scheme(code: object) -> str:
    """Return the scheme of a code, of the templates' or of the engine's; empty for what is none."""
    if isinstance(code, Code):
        return str(code.scheme_designator)
    return code.scheme if isinstance(code, EngineCode) else ""
