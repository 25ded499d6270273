"""Storage commitment and reports, for the conformance statement (PS3.2)."""

from collections.abc import Iterator

from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.commitment_data import PUSH_MODEL
from dicom_node.network.commitment_scp import ACTION_STATUS, EVENT_STATUS, GRACE_SECONDS
from dicom_node.network.contexts import REPORT_SOP_CLASSES
from dicom_node.network.performed_data import (
    NEEDED_OF_AVAILABILITY,
    NEEDED_OF_STEPS,
    SETTLED_AT_CREATION,
)
from dicom_node.network.prover import LINGER_SECONDS
from dicom_node.network.query_classes import QUERY_TRANSFER_SYNTAXES
from dicom_node.network.report_scp import REPORT_STATUS
from dicom_node.node.committing import REASONS
from dicom_node.node.statement import name, statuses, title, uids


def commitment(settings: NodeSettings) -> Iterator[str]:
    """Yield the section of storage commitment, both ways."""
    workflow = settings.workflow
    yield from title(3, "3.6 Storage Commitment: accepted presentation contexts")
    yield "On the port that objects are received on, from AE titles that may COMMIT."
    yield from uids([PUSH_MODEL])
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(name, QUERY_TRANSFER_SYNTAXES)) + "."
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
    yield from title(4, "Status of N-ACTION responses")
    yield from statuses(ACTION_STATUS.items())
    yield from title(4, "Failure reasons")
    yield from statuses(REASONS.items())
    yield from title(4, "Status of N-EVENT-REPORT responses")
    yield "Results are taken over associations whose requestor proposes the SCP role."
    yield from statuses(EVENT_STATUS.items())
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


def reports(settings: NodeSettings) -> Iterator[str]:
    """Yield the section of performed steps and availability, both ways."""
    yield from title(3, "3.7 Performed steps and availability: accepted presentation contexts")
    yield "On the port that objects are received on, from AE titles that may REPORT: N-CREATE and"
    yield "N-SET of performed steps, N-CREATE of availability."
    yield from uids(REPORT_SOP_CLASSES)
    yield ""
    yield "Transfer syntaxes: " + "; ".join(map(name, QUERY_TRANSFER_SYNTAXES)) + "."
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
    yield from title(4, "Status of responses")
    yield from statuses(REPORT_STATUS.items())
    yield ""
    yield "As SCU, the node tells AE titles of the role `informed` which results are available: one"
    yield "N-CREATE of availability for each delivery, once its destination has shown that it has"
    yield "the results as far as it has to, in Explicit or Implicit VR Little Endian. The instances"
    yield "are ONLINE at the destination. A warning or 0x0111 counts as taken, any other status as"
    yield "refused for good; a receiver that is away is called again for"
    yield f"{settings.workflow.give_up_after / 86400:g} days."
