"""The DICOM Conformance Statement (PS3.2), written from the tables that the node itself uses."""

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from dicom_node import __version__
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import OPERATIONS_OF_ROLE, Operation
from dicom_node.domain.procedure_step import UpsStatus
from dicom_node.domain.reception import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.contexts import ContextTable
from dicom_node.network.performed_data import (
    AVAILABILITY,
    PERFORMED_STEP,
)
from dicom_node.network.query_classes import QUERY_SOP_CLASSES, QUERY_TRANSFER_SYNTAXES
from dicom_node.network.query_scu import (
    MOST_INSTANCES,
    MOST_SERIES,
    MOST_STUDIES,
    instance_query,
    series_query,
    study_query,
)
from dicom_node.network.retrieve_scu import RETRIEVAL_SOP_CLASSES
from dicom_node.network.served import REFUSALS
from dicom_node.network.slots import SlotLimits
from dicom_node.network.status import (
    CANCELED,
    DESTINATION_UNKNOWN,
    OUT_OF_RESOURCES,
    PENDING,
    QUERY_MISMATCH,
    SUBOPERATIONS_FAILED,
    SUBOPERATIONS_IMPOSSIBLE,
    UNABLE,
)
from dicom_node.network.storage_scu import VERIFICATION
from dicom_node.network.worklist_scp import WORKLIST_SOP_CLASSES, WORKLIST_TRANSFER_SYNTAXES
from dicom_node.node.conformance_messages import commitment, reports
from dicom_node.node.conformance_objects import coded_terminology, created_objects
from dicom_node.node.conformance_storage import storage_scp, storage_scu
from dicom_node.node.conformance_web import web_services
from dicom_node.node.statement import code, name, statuses, table, title, uids
from dicom_node.query.information_model import PATIENT_ROOT
from dicom_node.query.keys import ARCHIVE_KEYS
from dicom_node.ups.codes import MODALITY_WORKLIST, UPS_EVENT, UPS_PULL
from dicom_node.ups.errors import REASONS as REASONS_OF_STEPS
from dicom_node.ups.event_reports import EventType
from dicom_node.ups.service import MOST_LOOKED_AT
from sr_templates.character_set import readable_character_sets
from sr_templates.validation import TYPE_1_BY_CLASS

# What the node also uses as SCU.
WORKLIST_USED = (MODALITY_WORKLIST, UPS_PULL)
_HEADING = "AI integration node: DICOM Conformance Statement"


def conformance_statement(settings: NodeSettings) -> str:
    """Return the statement of a node with these settings, as Markdown in the order of PS3.2."""
    contexts = ContextTable()
    sections: tuple[Iterable[str], ...] = (
        _cover(),
        _overview(),
        _introduction(),
        _implementation_model(settings),
        storage_scp(settings, contexts),
        storage_scu(settings),
        _worklist_scp(settings),
        _query_scp(settings),
        commitment(settings),
        reports(settings),
        web_services(settings),
        _configuration(settings),
        _character_sets(),
        _security(),
        created_objects(settings),
        coded_terminology(),
        _extensions(),
    )
    return "\n".join(line for section in sections for line in section) + "\n"


def _cover() -> Iterator[str]:
    yield f"# {_HEADING}"
    yield ""
    yield f"Version {__version__}. Written by `dicom-node conformance` from the tables that the"
    yield "software uses; the structure is that of DICOM PS3.2."


def _overview() -> Iterator[str]:
    yield from title(2, "1 Conformance statement overview")
    yield "The node receives studies from modalities and archives, has them analysed, and returns"
    yield "the results as DICOM objects of the same study."
    yield from table(
        ("Network service", "User (SCU)", "Provider (SCP)"),
        [
            ("Verification", "Yes", "Yes"),
            ("Storage, any composite SOP class", "No", "Yes"),
            *((f"Storage, {name(uid)}", "Yes", "Yes") for uid in TYPE_1_BY_CLASS),
            *(
                (name(uid), "Yes" if uid in WORKLIST_USED else "No", "Yes")
                for uid in WORKLIST_SOP_CLASSES
                if uid != VERIFICATION
            ),
            *(
                (name(uid), "Yes" if uid in RETRIEVAL_SOP_CLASSES else "No", "Yes")
                for uid in QUERY_SOP_CLASSES
            ),
            (name(PUSH_MODEL), "Yes", "Yes"),
            (name(PERFORMED_STEP), "No", "Yes"),
            (name(AVAILABILITY), "Yes", "Yes"),
            (name(UPS_EVENT), "No", "Yes"),
            ("STOW-RS, QIDO-RS, WADO-RS", "Yes", "Yes"),
            ("WADO-URI, UPS-RS", "No", "Yes"),
        ],
    )
    yield ""
    yield "Media interchange is not supported."


def _introduction() -> Iterator[str]:
    yield from title(2, "2 Introduction")
    yield "For those who connect the node with modalities, archives and viewers. Conformance alone"
    yield "does not show that two products work together: test the connection with `dicom-node ae"
    yield "echo`, `dicom-node ae probe` and a study. `dicom-node conformance --ihe` writes the IHE"
    yield "Integration Statement."
    yield from table(
        ("Term", "Meaning here"),
        [
            ("AE title", "An application entity that an administrator has entered, with its roles"),
            ("Destination", "An AE title or DICOMweb server that gets the results of a sender"),
            ("Evidence", "The DICOM objects that a model's result becomes"),
            ("Gate", "The check that each object passes before it is sent"),
            ("Route", "The rule by which a study comes to a model"),
        ],
    )


def _implementation_model(settings: NodeSettings) -> Iterator[str]:
    yield from title(2, "3 Networking")
    yield from title(3, "3.1 Implementation model")
    yield "A study that has been received is complete when its sender has been quiet. It is then"
    yield "analysed, and the evidence goes to each destination administered for its sender."
    yield "What goes where:"
    yield ""
    yield "1. A modality, a PACS or a DICOMweb client stores objects; each is acknowledged when it"
    yield "   is durable. Steps that it performs may be reported beside them."
    yield "2. The study is complete, and routes decide which models look at it."
    yield "3. Results go to their destinations by C-STORE or STOW-RS, over associations that the"
    yield "   node opens; who is informed or has subscribed is told."
    yield "4. Workstations query, retrieve, claim and report: over DIMSE, DICOMweb or the pages."
    yield from table(
        ("Item", "Value"),
        [
            ("Application Context", "1.2.840.10008.3.1.1.1"),
            ("AE title", settings.network.ae_title),
            ("Port", str(settings.network.port)),
            ("Port by TLS", str(settings.tls.port) if settings.tls.certificate else "none"),
            ("Port of the worklist", _worklist_port(settings)),
            ("Implementation Class UID", IMPLEMENTATION_CLASS_UID),
            ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
            ("Largest PDU received", f"{settings.network.max_pdu} bytes"),
            ("Associations held at once", _associations(settings)),
            (
                "Associations opened at once",
                "to each peer one for each service of which the node is the user: delivery, "
                "probing, queries and retrievals, commitment, events, availability, worklists; "
                "and one for each C-MOVE that is served",
            ),
            ("Asynchronous operations", "not supported: one operation invoked and performed"),
            ("SOP Class extended negotiation", "not supported: skipped and not answered"),
            ("User identity negotiation", "not supported: skipped and not answered"),
            ("SCP/SCU role selection", "C-GET, storage commitment, events of procedure steps"),
            ("Unknown items of an association", "skipped (PS3.8 Section 9.3.1)"),
            ("Physical network", "TCP/IP, version 4 and 6; the operating system's own"),
        ],
    )
    yield from title(4, "Status of requests that nobody serves")
    yield "On every port, before a service looks at the request; the association goes on."
    yield from statuses(REFUSALS.items())
    yield ""
    yield "Associations are accepted from administered AE titles only. What each role permits:"
    yield from table(
        ("Role", *(operation.value.upper() for operation in Operation)),
        [
            (role.value, *("Yes" if each in permitted else "No" for each in Operation))
            for role, permitted in OPERATIONS_OF_ROLE.items()
        ],
    )


def _associations(settings: NodeSettings) -> str:
    network = settings.network
    limits = SlotLimits.of(
        network.max_associations,
        of_entity=network.max_associations_per_entity,
        of_address=network.max_associations_per_address,
    )
    return (
        f"{limits.associations}: {limits.of_entity} of one AE title at one address, "
        f"{limits.of_address} from one address"
    )


def _worklist_port(settings: NodeSettings) -> str:
    if not settings.worklist.enabled:
        return "none"
    return f"{settings.worklist.port}{', by TLS' if settings.tls.worklist else ''}"


def _worklist_scp(settings: NodeSettings) -> Iterator[str]:
    yield from title(3, "3.4 Worklist SCP: accepted presentation contexts")
    yield "A port of its own, where it is switched on."
    yield from uids(WORKLIST_SOP_CLASSES)
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(name, WORKLIST_TRANSFER_SYNTAXES)) + "."
    yield "Receivers of events subscribe by N-ACTION: to one step, to all, or to those that match a"
    yield f"filter. They are told by N-EVENT-REPORT in the context of {name(UPS_EVENT)}"
    yield f"(`{UPS_EVENT}`), over associations that the node opens to the host and port of their"
    yield "entry, proposing the SCP role for itself, in the order of events. One that is away is"
    yield f"called again for {settings.workflow.give_up_after / 86400:g} days; a refusal is final."
    yield (
        "Events: "
        + ", ".join(f"{each.value} {each.name.lower().replace('_', ' ')}" for each in EventType)
        + "."
    )
    yield from title(4, "Status of responses")
    yield from statuses((status, REASONS_OF_STEPS[status]) for status in UpsStatus)
    yield ""
    most = settings.worklist.max_results
    yield f"Of C-FIND: {code(PENDING)} a match, {code(CANCELED)} canceled,"
    yield f"{code(OUT_OF_RESOURCES)} more than {most} match and so many were answered, or"
    yield f"{MOST_LOOKED_AT} steps were looked at and not all,"
    yield f"{code(QUERY_MISMATCH)} the identifier cannot be matched, or read to its end,"
    yield f"{code(UNABLE)} unable to process."
    yield ""
    yield f"As SCU of {name(UPS_PULL)}, the node works for the manager that"
    yield "`performing.manager` names: C-FIND for steps that are SCHEDULED and READY, N-ACTION with"
    yield "a Transaction UID of its own, N-GET, N-SET of progress and of what was done, N-ACTION"
    yield f"to COMPLETED or CANCELED. As SCU of {name(MODALITY_WORKLIST)}, it asks"
    yield "the worklist that `orders.worklist` names for studies whose images have no Accession"
    yield "Number: by Study Instance UID, then by Patient ID, Modality and Scheduled Procedure Step"
    yield "Start Date."


def _query_scp(settings: NodeSettings) -> Iterator[str]:
    yield from title(3, "3.5 Query/Retrieve SCP: accepted presentation contexts")
    yield "On the port that objects are received on: received objects and the evidence made of"
    yield "them. Hierarchical queries; each unique key above the level has one value. No extended"
    yield "negotiation."
    yield from uids(QUERY_SOP_CLASSES)
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(name, QUERY_TRANSFER_SYNTAXES)) + "."
    yield "C-GET sends objects of the SOP classes of which the requestor offers the SCP role."
    yield from title(4, "Keys")
    yield "Matched by single value, wildcards, lists of UIDs, ranges of dates and times, and items"
    yield "of sequences, as their VR allows; person names without case and accents, by group."
    yield "Any other key is left out of the answer, which has the status 0xFF01. Patients without a"
    yield "Patient ID are found by their studies only."
    yield from table(
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
    yield from title(4, "Status of responses")
    yield from table(
        ("Status", "Operation", "Meaning"),
        [
            ("0x0000", "all", "Complete"),
            ("0xFF00", "all", "A match, or an object that was sent"),
            ("0xFF01", "C-FIND", "A match; some keys are not supported"),
            (code(CANCELED), "all", "Canceled"),
            (code(OUT_OF_RESOURCES), "C-FIND", _too_many(settings)),
            (code(SUBOPERATIONS_FAILED), "C-MOVE, C-GET", "Some objects failed or had warnings"),
            (code(SUBOPERATIONS_IMPOSSIBLE), "C-MOVE, C-GET", "No object could be sent"),
            (
                code(DESTINATION_UNKNOWN),
                "C-MOVE",
                "The destination is unknown, or the node",
            ),
            (
                code(QUERY_MISMATCH),
                "all",
                "The identifier, or a value in it, cannot be matched",
            ),
            (code(UNABLE), "all", "Unable to process"),
        ],
    )
    yield from _retrieve_scu(settings)


def _retrieve_scu(settings: NodeSettings) -> Iterator[str]:
    archive = settings.retrieval.archive or "an archive, where `retrieval.archive` names one"
    yield ""
    yield "As SCU of " + ", ".join(map(name, RETRIEVAL_SOP_CLASSES)) + ", the node"
    yield f"fetches images that a transfer lacks, and priors, from {archive}."
    yield "It queries at the level IMAGE for each series that it wants, and gets what is missing by"
    yield "its SOP Instance UIDs, 100 in a request; one transfer syntax in each context. C-MOVE, to"
    yield "the node's own AE title, is used where C-GET is not accepted or brings nothing"
    yield "(`retrieval.way`). For priors it queries at the level STUDY by Patient ID and a range of"
    yield "Study Date, and at the level SERIES. Of one query it listens to"
    yield f"{MOST_STUDIES} studies, {MOST_SERIES} series and {MOST_INSTANCES} instances; it cancels"
    yield "what goes beyond."
    yield from table(
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


def _too_many(settings: NodeSettings) -> str:
    return f"More than {settings.network.max_query_results} match; so many were answered"


def _configuration(settings: NodeSettings) -> Iterator[str]:
    yield from title(3, "3.9 Configuration")
    yield "AE titles, hosts, ports, roles, destinations and kinds of evidence are administered with"
    yield "`dicom-node ae`. The parameters of the DICOM side:"
    yield from table(
        ("Parameter", "Value", "Meaning"),
        [
            *_parameters("network", settings.network),
            *_parameters("evidence", settings.evidence),
        ],
    )


def _parameters(section: str, values: BaseModel) -> Iterator[tuple[str, str, str]]:
    for key, field in type(values).model_fields.items():
        shown = str(getattr(values, key))
        yield (f"`{section}.{key}`", f"`{shown}`" if shown else "(empty)", field.description or "")


def _character_sets() -> Iterator[str]:
    yield from title(2, "4 Support of character sets")
    yield "Objects are stored in any character set. Results are written in the source's where it"
    yield "can say everything, else in ISO_IR 192 (UTF-8). Queries are read in the character set"
    yield "that they name; answers that are not ASCII are in ISO_IR 192, as are procedure steps,"
    yield "and JSON and XML of the web services. Read from sources:"
    yield ""
    yield ", ".join(f"`{term}`" for term in readable_character_sets()) + "."


def _security() -> Iterator[str]:
    yield from title(2, "5 Security")
    yield "Unknown calling AE titles, and calls for another called AE title, are rejected. So are"
    yield "known ones that call from another address than their entry allows, or do not show the"
    yield "certificate that it names. Other traffic than TLS is readable on the wire: keep it in a"
    yield "network that you trust."
    yield from table(
        ("Profile or mechanism", "Support"),
        [
            (
                "BCP 195 TLS Secure Transport Connection Profile (PS3.15 Section B.12)",
                "TLS 1.2 and 1.3, forward secrecy and authenticated encryption, certificates on "
                "both sides; as acceptor on a second port, as requestor for entries that say so, "
                "and for the worklist where `tls.worklist` says so",
            ),
            (
                "Audit Trail Message Format and Transmission Profiles (Sections A.5 to A.7)",
                "Kept as a chain on disk; sent by syslog over TLS and UDP",
            ),
            (
                "HTTPS (Section B.13 of PS3.15, PS3.18 Section 8.14)",
                "With a certificate for the pages; DICOMweb then as well",
            ),
            ("User identity negotiation (PS3.7 Annex D.3.3.7)", "Not evaluated, not answered"),
            ("Digital signatures (PS3.15 Annex C)", "Kept as received; none are made"),
            (
                "Basic Application Level Confidentiality Profile (PS3.15 Annex E)",
                "For exports from the Warehouse; not for what is received or delivered",
            ),
        ],
    )


def _extensions() -> Iterator[str]:
    yield from title(2, "8 Extensions and specialisations")
    yield "No private SOP classes, transfer syntaxes or attributes are created; private ones of"
    yield "others are stored and kept as received. Attributes of later editions of the Standard are"
    yield "kept. Pixels of presentation are not transformed: the greyscale standard display"
    yield "function is the viewer's matter."
