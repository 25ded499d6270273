"""The DICOM Conformance Statement (PS3.2), written from the tables that the node itself uses."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from dicom_node import __version__
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Compression, Operation
from dicom_node.domain.commitment import FailureReason
from dicom_node.domain.reception import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.commitment_scp import ACTION_STATUS, EVENT_STATUS, GRACE_SECONDS
from dicom_node.network.contexts import REPORT_SOP_CLASSES, ContextTable
from dicom_node.network.performed_data import (
    AVAILABILITY,
    NEEDED_OF_AVAILABILITY,
    NEEDED_OF_STEPS,
    PERFORMED_STEP,
    SETTLED_AT_CREATION,
)
from dicom_node.network.prover import LINGER_SECONDS
from dicom_node.network.query_classes import QUERY_SOP_CLASSES, QUERY_TRANSFER_SYNTAXES
from dicom_node.network.query_scu import (
    MOST_INSTANCES,
    MOST_SERIES,
    MOST_STUDIES,
    instance_query,
    series_query,
    study_query,
)
from dicom_node.network.report_scp import REPORT_STATUS
from dicom_node.network.retrieve_scu import RETRIEVAL_SOP_CLASSES
from dicom_node.network.sender import compressed
from dicom_node.network.status import (
    CANCELED,
    DESTINATION_UNKNOWN,
    OUT_OF_RESOURCES,
    QUERY_MISMATCH,
    STORE_STATUS,
    SUBOPERATIONS_FAILED,
    SUBOPERATIONS_IMPOSSIBLE,
    UNABLE,
)
from dicom_node.network.storage_scu import VERIFICATION, proposed_syntaxes
from dicom_node.network.worklist_scp import WORKLIST_SOP_CLASSES, WORKLIST_TRANSFER_SYNTAXES
from dicom_node.node.committing import REASONS
from dicom_node.query.information_model import PATIENT_ROOT
from dicom_node.query.keys import ARCHIVE_KEYS
from sr_templates import codes
from sr_templates.character_set import readable_character_sets
from sr_templates.ct import codes as ct_codes
from sr_templates.evidence_kind import EVIDENCE, EvidenceKind
from sr_templates.forms.form import FORMS
from sr_templates.lung_segmentation import ANATOMY_OFFSET
from sr_templates.series_numbers import BLOCK
from sr_templates.validation import TYPE_1_BY_CLASS

_AGAINST_THE_FIRST = (
    "",
    "nothing is lost: what is reported has two dimensions",
    "nothing is lost: what is reported has two dimensions",
    "numbers and coded values of findings are words, outlines are left out",
    "words on a page",
)
_HEADING = "AI integration node: DICOM Conformance Statement"


def conformance_statement(settings: NodeSettings) -> str:
    """Return the statement of a node with these settings, as Markdown in the order of PS3.2."""
    contexts = ContextTable()
    sections: tuple[Iterable[str], ...] = (
        _cover(),
        _overview(),
        _introduction(),
        _implementation_model(settings),
        _storage_scp(settings, contexts),
        _storage_scu(settings),
        _worklist_scp(),
        _query_scp(settings),
        _commitment(settings),
        _reports(settings),
        _configuration(settings),
        _character_sets(),
        _security(),
        _created_objects(settings),
        _private_codes(),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _cover() -> Iterator[str]:
    yield f"# {_HEADING}"
    yield ""
    yield f"Version {__version__}. Written by `dicom-node conformance` from the tables that the"
    yield "software uses; the structure is that of DICOM PS3.2."


def _overview() -> Iterator[str]:
    yield from _title(2, "1 Conformance statement overview")
    yield "The node receives studies from modalities and archives, has them analysed, and returns"
    yield "the results as DICOM objects of the same study."
    yield from _table(
        ("Network service", "User (SCU)", "Provider (SCP)"),
        [
            ("Verification", "Yes", "Yes"),
            ("Storage, any SOP class", "No", "Yes"),
            *((f"Storage, {_name(uid)}", "Yes", "Yes") for uid in TYPE_1_BY_CLASS),
            *((_name(uid), "No", "Yes") for uid in WORKLIST_SOP_CLASSES if uid != VERIFICATION),
            *(
                (_name(uid), "Yes" if uid in RETRIEVAL_SOP_CLASSES else "No", "Yes")
                for uid in QUERY_SOP_CLASSES
            ),
            (_name(PUSH_MODEL), "Yes", "Yes"),
            (_name(PERFORMED_STEP), "No", "Yes"),
            (_name(AVAILABILITY), "Yes", "Yes"),
            ("QIDO-RS, WADO-RS, UPS-RS", "No", "Yes"),
        ],
    )
    yield ""
    yield "Media interchange is not supported."


def _introduction() -> Iterator[str]:
    yield from _title(2, "2 Introduction")
    yield "For those who connect the node with modalities, archives and viewers. Conformance alone"
    yield "does not show that two products work together: test the connection with `dicom-node ae"
    yield "echo` and a study."


def _implementation_model(settings: NodeSettings) -> Iterator[str]:
    yield from _title(2, "3 Networking")
    yield from _title(3, "3.1 Implementation model")
    yield "A study that has been received is complete when its sender has been quiet. It is then"
    yield "analysed, and the evidence goes to each destination administered for its sender."
    yield from _table(
        ("Item", "Value"),
        [
            ("AE title", settings.network.ae_title),
            ("Port", str(settings.network.port)),
            ("Implementation Class UID", IMPLEMENTATION_CLASS_UID),
            ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
            ("Largest PDU received", f"{settings.network.max_pdu} bytes"),
            ("Associations held at once", str(settings.network.max_associations)),
            ("Asynchronous operations", "not supported"),
        ],
    )
    yield ""
    yield "Associations are accepted from administered AE titles only. What each role permits:"
    yield from _table(
        ("Role", *(operation.value.upper() for operation in Operation)),
        [
            (role.value, *("Yes" if each in permitted else "No" for each in Operation))
            for role, permitted in OPERATIONS_OF_ROLE.items()
        ],
    )


def _storage_scp(settings: NodeSettings, contexts: ContextTable) -> Iterator[str]:
    yield from _title(3, "3.2 Storage SCP: accepted presentation contexts")
    yield "Every transfer syntax listed is accepted for every SOP class listed, and for private SOP"
    yield "classes. Objects are stored as received, byte by byte (level 2, full), and acknowledged"
    yield "when they are durable. Of the transfer syntaxes proposed in one context, the first known"
    yield f"one is taken. Objects above {settings.network.max_object_bytes} bytes are refused."
    yield from _title(4, "SOP classes")
    yield from _uids([VERIFICATION, *contexts.storage_sop_classes])
    yield from _title(4, "Transfer syntaxes")
    yield from _uids(contexts.transfer_syntaxes)
    yield from _title(4, "Status of C-STORE responses")
    yield from _table(
        ("Status", "Meaning"),
        [
            ("0x0000", "Stored, and durable"),
            *(
                (f"0x{status:04X}", (error.__doc__ or "").splitlines()[0])
                for error, status in STORE_STATUS
            ),
        ],
    )


def _storage_scu(settings: NodeSettings) -> Iterator[str]:
    yield from _title(3, "3.3 Storage SCU: proposed presentation contexts")
    yield "What waits for a destination goes over one association; one transfer syntax in each"
    yield "context, in this order of preference. While a destination is down, it is probed."
    yield "A delivery that fails for a reason that may pass is tried again for"
    yield f"{settings.workflow.give_up_after / 86400:g} days. Compressed transfer syntaxes are"
    yield "those of `--compression smallest`; a destination may be given one of them, or none."
    smallest = compressed(Compression.SMALLEST)
    yield from _table(
        ("SOP class", "UID", "Transfer syntaxes"),
        [
            (
                _name(sop_class),
                f"`{sop_class}`",
                "; ".join(
                    _name(syntax)
                    for syntax in proposed_syntaxes(
                        ExplicitVRLittleEndian, lossless=smallest.get(sop_class, ())
                    )
                ),
            )
            for sop_class in TYPE_1_BY_CLASS
        ],
    )
    yield from _report_forms()


def _report_forms() -> Iterator[str]:
    yield ""
    yield "A report is written as the first of these and sent as the first that the destination"
    yield "accepts: asked by an association every five minutes, and again where a class is refused"
    yield "by status 0x0122. Each form is an instance of its own; references among reports lead to"
    yield "the instances that the destination was sent."
    yield from _table(
        ("Form", "UID", "Against the first"),
        [
            (form.name, f"`{form.sop_class_uid}`", what)
            for form, what in zip(FORMS, _AGAINST_THE_FIRST, strict=True)
        ],
    )


def _worklist_scp() -> Iterator[str]:
    yield from _title(3, "3.4 Worklist SCP: accepted presentation contexts")
    yield "A port of its own, where it is switched on."
    yield from _uids(WORKLIST_SOP_CLASSES)
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(_name, WORKLIST_TRANSFER_SYNTAXES)) + "."


def _query_scp(settings: NodeSettings) -> Iterator[str]:
    yield from _title(3, "3.5 Query/Retrieve SCP: accepted presentation contexts")
    yield "On the port that objects are received on: received objects and the evidence made of"
    yield "them. Hierarchical queries; each unique key above the level has one value. No extended"
    yield "negotiation."
    yield from _uids(QUERY_SOP_CLASSES)
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(_name, QUERY_TRANSFER_SYNTAXES)) + "."
    yield "C-GET sends objects of the SOP classes of which the requestor offers the SCP role."
    yield from _title(4, "Keys")
    yield "Matched by single value, wildcards, lists of UIDs, ranges of dates and times, and items"
    yield "of sequences, as their VR allows; person names without case and accents, by group."
    yield "Any other key is left out of the answer, which has the status 0xFF01. Patients without a"
    yield "Patient ID are found by their studies only."
    yield from _table(
        ("Level", "Required", "Optional"),
        [
            (
                level.value,
                ", ".join(each.path for each in keys if each.required),
                ", ".join(each.path for each in keys if not each.required),
            )
            for level in PATIENT_ROOT.levels
            for keys in ([each for each in ARCHIVE_KEYS if each.level is level],)
        ],
    )
    yield from _title(4, "Status of responses")
    yield from _table(
        ("Status", "Operation", "Meaning"),
        [
            ("0x0000", "all", "Complete"),
            ("0xFF00", "all", "A match, or an object that was sent"),
            ("0xFF01", "C-FIND", "A match; some keys are not supported"),
            (_hex(CANCELED), "all", "Canceled"),
            (_hex(OUT_OF_RESOURCES), "C-FIND", _too_many(settings)),
            (_hex(SUBOPERATIONS_FAILED), "C-MOVE, C-GET", "Some objects failed or had warnings"),
            (_hex(SUBOPERATIONS_IMPOSSIBLE), "C-MOVE, C-GET", "No object could be sent"),
            (_hex(DESTINATION_UNKNOWN), "C-MOVE", "The destination is not administered"),
            (_hex(QUERY_MISMATCH), "all", "The identifier does not fit its level"),
            (_hex(UNABLE), "all", "Unable to process"),
        ],
    )
    yield from _retrieve_scu(settings)


def _retrieve_scu(settings: NodeSettings) -> Iterator[str]:
    archive = settings.retrieval.archive or "an archive, where `retrieval.archive` names one"
    yield ""
    yield "As SCU of " + ", ".join(map(_name, RETRIEVAL_SOP_CLASSES)) + ", the node"
    yield f"fetches images that a transfer lacks, and priors, from {archive}."
    yield "It queries at the level IMAGE for each series that it wants, and gets what is missing by"
    yield "its SOP Instance UIDs, 100 in a request; one transfer syntax in each context. C-MOVE, to"
    yield "the node's own AE title, is used where C-GET is not accepted or brings nothing"
    yield "(`retrieval.way`). For priors it queries at the level STUDY by Patient ID and a range of"
    yield "Study Date, and at the level SERIES. Of one query it listens to"
    yield f"{MOST_STUDIES} studies, {MOST_SERIES} series and {MOST_INSTANCES} instances; it cancels"
    yield "what goes beyond."
    yield from _table(
        ("Level", "Keys for matching", "Keys for return"),
        [
            (
                str(query.QueryRetrieveLevel),
                ", ".join(each.keyword for each in query if not each.is_empty),
                ", ".join(each.keyword for each in query if each.is_empty),
            )
            for query in (study_query("1", until="1"), series_query("1"), instance_query("1", "1"))
        ],
    )


def _commitment(settings: NodeSettings) -> Iterator[str]:
    workflow = settings.workflow
    yield from _title(3, "3.6 Storage Commitment: accepted presentation contexts")
    yield "On the port that objects are received on, from AE titles that may COMMIT."
    yield from _uids([PUSH_MODEL])
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(_name, QUERY_TRANSFER_SYNTAXES)) + "."
    yield "A request is durable before it is answered. Each instance is then looked for in the"
    yield "archive, read, and compared with the digest of what was received. The result is told by"
    yield f"N-EVENT-REPORT over the same association where it is still open {GRACE_SECONDS:g} s"
    yield "after the answer. Otherwise, and after a restart, the node opens an association to the"
    yield "host and port of the AE title's entry, and proposes the SCP role for itself. It tries to"
    yield f"for {workflow.give_up_after / 86400:g} days. A Transaction UID is known for"
    yield f"{workflow.keep_workflows / 86400:g} days after its result was told."
    yield "Images stay until the node's own rule of retention removes them (none is set by"
    yield "default); none is removed while a request for it is open. The SCU must not take a"
    yield "commitment for longer than that rule allows."
    yield from _title(4, "Status of N-ACTION responses")
    yield from _statuses(ACTION_STATUS)
    yield from _title(4, "Failure reasons")
    yield from _statuses(REASONS)
    yield from _title(4, "Status of N-EVENT-REPORT responses")
    yield "Results are taken over associations whose requestor proposes the SCP role."
    yield from _statuses(EVENT_STATUS)
    yield from _commitment_scu(settings)


def _commitment_scu(settings: NodeSettings) -> Iterator[str]:
    patience = settings.workflow.commitment_patience
    yield ""
    yield "As SCU, the node asks destinations whose entry says `--proof commitment`: one request"
    yield "for what was delivered of a job, over an association that proposes the SOP class in"
    yield "Explicit and Implicit VR Little Endian. Results are taken over that association, which"
    yield f"is released {LINGER_SECONDS:g} s after the last answer, and over associations that the"
    yield "destination opens. A destination that has not told the result for"
    yield f"{patience:g} s is asked again, three times in all. Instances without a commitment are"
    yield "sent again, and are asked about anew; after the third time the delivery is not"
    yield "committed, and has failed. A result that comes later still counts. Destinations of"
    yield "`--proof find` are asked by C-FIND (Study Root, level IMAGE) for each series that was"
    yield "sent, DICOMweb servers by QIDO-RS for its instances."


def _reports(settings: NodeSettings) -> Iterator[str]:
    yield from _title(3, "3.7 Performed steps and availability: accepted presentation contexts")
    yield "On the port that objects are received on, from AE titles that may REPORT: N-CREATE and"
    yield "N-SET of performed steps, N-CREATE of availability."
    yield from _uids(REPORT_SOP_CLASSES)
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(_name, QUERY_TRANSFER_SYNTAXES)) + "."
    yield "A report is durable before it is answered, and kept with all its attributes, exposure"
    yield "data among them. A study whose step is COMPLETED is complete as soon as the instances"
    yield "are there that the step refers to; while it is IN PROGRESS, or a series has come in"
    yield "part, the rest is waited for with the patience of the sender's AE title. Results of what"
    yield "is not complete by these reports say so. Instances of series of which nothing came are"
    yield "not waited for."
    yield f"A step needs {', '.join(NEEDED_OF_STEPS)} with a Study Instance UID;"
    yield f"a notification needs {', '.join(NEEDED_OF_AVAILABILITY)}."
    yield "Instances count that are ONLINE or NEARLINE. N-SET changes none of"
    yield f"{', '.join(SETTLED_AT_CREATION)}."
    yield from _title(4, "Status of responses")
    yield from _statuses(REPORT_STATUS)
    yield ""
    yield "As SCU, the node tells AE titles of the role `informed` which results are available: one"
    yield "N-CREATE of availability for each delivery, once its destination has shown that it has"
    yield "the results as far as it has to, in Explicit or Implicit VR Little Endian. The instances"
    yield "are ONLINE at the destination. A warning or 0x0111 counts as taken, any other status as"
    yield "refused for good; a receiver that is away is called again for"
    yield f"{settings.workflow.give_up_after / 86400:g} days."


def _statuses(meanings: Mapping[int, str] | Mapping[FailureReason, str]) -> Iterator[str]:
    yield from _table(
        ("Code", "Meaning"), [(_hex(status), words) for status, words in meanings.items()]
    )


def _too_many(settings: NodeSettings) -> str:
    return f"More than {settings.network.max_query_results} match; so many were answered"


def _hex(status: int) -> str:
    return f"0x{status:04X}"


def _configuration(settings: NodeSettings) -> Iterator[str]:
    yield from _title(3, "3.8 Configuration")
    yield "AE titles, hosts, ports, roles, destinations and kinds of evidence are administered with"
    yield "`dicom-node ae`. The parameters of the DICOM side:"
    yield from _table(
        ("Parameter", "Value", "Meaning"),
        [
            *_parameters("network", settings.network),
            *_parameters("evidence", settings.evidence),
        ],
    )


def _parameters(section: str, values: BaseModel) -> Iterator[tuple[str, str, str]]:
    for name, field in type(values).model_fields.items():
        shown = str(getattr(values, name))
        yield (f"`{section}.{name}`", f"`{shown}`" if shown else "(empty)", field.description or "")


def _character_sets() -> Iterator[str]:
    yield from _title(2, "4 Support of character sets")
    yield "Objects are stored in any character set. Results are written in the source's where it"
    yield "can say everything, else in ISO_IR 192 (UTF-8). Read from sources:"
    yield ""
    yield ", ".join(f"`{term}`" for term in readable_character_sets()) + "."


def _security() -> Iterator[str]:
    yield from _title(2, "5 Security")
    yield "Unknown calling AE titles, and calls for another called AE title, are rejected. So are"
    yield "known ones that call from another address than their entry allows, or do not show the"
    yield "certificate that it names. An audit trail is kept (PS3.15 Sections A.5 to A.7). With a"
    yield "certificate configured, the node receives on a second port and calls destinations by the"
    yield "BCP 195 TLS profile (PS3.15 Section B.12), with certificates on both sides. Other"
    yield "traffic is readable on the wire: keep it in a network that you trust."


def _created_objects(settings: NodeSettings) -> Iterator[str]:
    yield from _title(2, "6 Created objects")
    yield "Results are new instances in the source's study, each kind in a series of its own. Each"
    yield "is checked before it is sent. The attributes below must have a value besides those"
    yield "of the patient, study, series, equipment and SOP common modules."
    base = settings.evidence.series_number_base
    yield from _table(
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
        yield from _title(4, _name(sop_class))
        yield ", ".join(keywords) + "."


def _private_codes() -> Iterator[str]:
    yield from _title(2, "7 Coded terminology")
    yield f"Codes of the private scheme {codes.PRIVATE_SCHEME} ({codes.PRIVATE_SCHEME_NAME}), which"
    yield "each object declares in its Coding Scheme Identification Sequence, besides those of DCM,"
    yield "SCT, LN, UCUM and UMLS. `P-` followed by a finding's code is the probability of that"
    yield "finding."
    yield from _table(
        ("Code", "Meaning"), [(f"`{code.value}`", code.meaning) for code in sorted(_own_codes())]
    )


def _own_codes() -> set[Code]:
    named = [value for module in (codes, ct_codes) for value in vars(module).values()]
    return {
        code
        for code in (*named, *codes.REFUSAL_REASONS.values())
        if isinstance(code, Code) and code.scheme_designator == codes.PRIVATE_SCHEME
    }


def _title(level: int, words: str) -> tuple[str, str, str]:
    return "", f"{'#' * level} {words}", ""


def _uids(uids: Iterable[str]) -> Iterator[str]:
    rows = sorted((_name(uid), f"`{uid}`") for uid in uids)
    yield from _table(("Name", "UID"), rows)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield ""
    for row in (headings, ["---"] * len(headings), *rows):
        cells = (cell.replace("\n", " ").replace("|", "\\|") for cell in row)
        yield f"| {' | '.join(cells)} |"


def _name(uid: str) -> str:
    """Name a UID as PS3.6 does; the UID itself where that has none for it."""
    return UID(uid).name
