"""What ``dicom-node ae probe`` prints."""

from pydicom.uid import UID
from rich.console import Console
from rich.table import Table

from dicom_node.dicomweb.peer import WebProfile
from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, ApplicationEntity, Proof
from dicom_node.domain.peer_profile import PeerProfile, PeerService, Proposal

PROOF_WORDS = {
    Proof.NONE: "offers neither storage commitment nor queries",
    Proof.COMMITMENT: "offers storage commitment",
    Proof.FIND: "offers queries, but no storage commitment",
}


def show_profile(console: Console, entity: ApplicationEntity, profile: PeerProfile) -> None:
    """Show what a peer takes and offers."""
    what = profile.implementation_version_name or profile.implementation_class_uid or "a peer"
    limit = f"{profile.largest_pdu} bytes" if profile.largest_pdu else "no limit"
    console.print(f"{entity.title} is {what}; largest PDU {limit}.", highlight=False)
    if profile.echo_seconds is not None:
        console.print(f"It answered C-ECHO in {profile.echo_seconds * 1000:.0f} ms.")
    services = Table("Service", "Offered", box=None)
    for service in PeerService:
        services.add_row(service.value, "yes" if service in profile.services else "no")
    console.print(services)
    storage = Table("Evidence", "Goes as", "Transfer syntaxes", box=None)
    for kind in ADMINISTERED_EVIDENCE:
        taken = profile.takes(kind)
        syntaxes = profile.storage.get(taken, ()) if taken is not None else ()
        storage.add_row(
            kind.value,
            UID(taken).name if taken is not None else "not taken",
            ", ".join(UID(each).name for each in syntaxes),
        )
    console.print(storage)


def show_web_profile(console: Console, entity: ApplicationEntity, profile: WebProfile) -> None:
    """Show what a DICOMweb server offers; what it stores it says only of each object."""
    what = profile.software or "a server"
    console.print(f"{entity.title} is {what} at {entity.url}.", highlight=False, soft_wrap=True)
    services = Table("Service", "Offered", box=None)
    services.add_row("search (QIDO-RS)", f"{profile.searches} ({profile.seconds * 1000:.0f} ms)")
    services.add_row("store (STOW-RS)", profile.stores)
    console.print(services)


def show_proposal(console: Console, entity: ApplicationEntity, proposal: Proposal) -> None:
    """Show which evidence a peer should get, and the command that says so."""
    for reason in proposal.reasons:
        console.print(f"- {reason}.", highlight=False, soft_wrap=True)
    if not proposal.evidence:
        console.print(f"{entity.title} takes nothing of what it should get.")
    elif proposal.evidence == entity.evidence:
        console.print("Its entry is right as it is.")
    else:
        listed = ",".join(proposal.evidence)
        console.print(
            f"Proposed: dicom-node ae set {entity.title} --evidence {listed} (--apply does it).",
            highlight=False,
            soft_wrap=True,
        )


def show_proof(console: Console, entity: ApplicationEntity, proof: Proof) -> None:
    """Show how a peer can show that it has what it was sent, and the command that says so."""
    if proof is not entity.proof:
        console.print(
            f"It {PROOF_WORDS[proof]}. Proposed: dicom-node ae set {entity.title} --proof "
            f"{proof.value} (--apply does it).",
            highlight=False,
            soft_wrap=True,
        )
