"""``dicom-node ae``: who may call the node, and who gets its results."""

import binascii
import getpass
import ssl
import sys
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from dicom_node.cli.context import invocation, set_up_dicom
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.domain.application_entity import (
    ADMINISTERED_EVIDENCE,
    ApplicationEntity,
    Compression,
    Proof,
    Role,
)
from dicom_node.domain.version import version_of
from dicom_node.errors import ConfigurationError, ConflictError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.language.language import LanguageCode

commands = typer.Typer(
    help="Administer AE titles; a running node uses changes at once.", no_args_is_help=True
)

Title = Annotated[str, typer.Argument(help="The AE title, 1 to 16 characters.")]
Host = Annotated[str | None, typer.Option(help="Its host name or IP address.")]
Port = Annotated[int | None, typer.Option(help="The port that it listens on.")]
Roles = Annotated[
    list[Role] | None,
    typer.Option("--role", help="What it is to the node; may be given several times."),
]
Destinations = Annotated[
    list[str] | None,
    typer.Option(
        "--destination", help="AE title that gets the results of its studies; repeatable."
    ),
]
QuietPeriod = Annotated[
    float | None,
    typer.Option(help="Seconds without an image after which a study is complete; 0 for none."),
]
Patience = Annotated[
    float | None,
    typer.Option(help="Seconds to wait for the rest of a study whose transfer broke off."),
]
Evidence = Annotated[
    str | None,
    typer.Option(
        help="What it gets as a destination, comma-separated: sr,sc,seg,pr,pm,pdf,ko,soft,bone."
    ),
]
Tls = Annotated[
    bool | None,
    typer.Option("--tls/--no-tls", help="Whether it is called by TLS."),
]
OverlayCompression = Annotated[
    Compression | None,
    typer.Option(
        "--compression",
        help="How overlays travel to it: uncompressed where it is near (automatic), the smallest "
        "way that it accepts, one way, or none.",
    ),
]
Url = Annotated[
    str | None,
    typer.Option(help="The root of its DICOMweb service, in the place of host and port."),
]
HowProven = Annotated[
    Proof | None,
    typer.Option(
        "--proof",
        help="How it shows that it has what it was sent: storage commitment, a search, or not.",
    ),
]
Callers = Annotated[
    list[str] | None,
    typer.Option(
        "--from",
        help="From where it may call: host (its own), any, an IP address or a network such as "
        "10.0.0.0/24; repeatable. New entries: host.",
    ),
]
Certificates = Annotated[
    list[str] | None,
    typer.Option(
        "--certificate",
        help="PEM file, or SHA-256 fingerprint, of the certificate that it must show by TLS; "
        "repeatable. `any`: no certain one.",
    ),
]
Language = Annotated[
    LanguageCode | None,
    typer.Option(help="The language of the overlays, pages and reports that it gets."),
]
Beside = Annotated[
    bool | None,
    typer.Option(
        "--beside/--no-beside",
        help="Whether its overlays show the unmarked image beside the marked one.",
    ),
]
Description = Annotated[str | None, typer.Option(help="A note for people.")]


@commands.command("add")
def add(
    context: typer.Context,
    title: Title,
    host: Host = None,
    port: Port = None,
    role: Roles = None,
    destination: Destinations = None,
    quiet_period: QuietPeriod = None,
    patience: Patience = None,
    evidence: Evidence = None,
    description: Description = None,
    tls: Tls = None,
    compression: OverlayCompression = None,
    url: Url = None,
    proof: HowProven = None,
    callers: Callers = None,
    certificate: Certificates = None,
    language: Language = None,
    beside: Beside = None,
) -> None:
    """Add an AE title."""
    run = invocation(context)
    ae_titles = run.administration().ae_titles
    missing = [
        name
        for name, value in (
            ("--host", host or url),
            ("--port", port or url),
            ("--role", role),
        )
        if not value
    ]
    if missing:
        raise ConfigurationError(f"`ae add {title}` needs {', '.join(missing)}.")
    entity = ApplicationEntity(
        title=title,
        **_given(
            host=host,
            port=port,
            role=role,
            destination=destination,
            quiet_period=quiet_period,
            patience=patience,
            evidence=evidence,
            description=description,
            tls=tls,
            compression=compression,
            url=url,
            proof=proof,
            callers=callers,
            certificate=certificate,
            language=language,
            beside=beside,
        ),
    )
    try:
        ae_titles.add(entity, actor=getpass.getuser())
    except ConflictError as error:
        raise ConflictError(f"{error} `dicom-node ae set {entity.title} …` does.") from error
    run.console.print(f"Added {entity.title}.")
    _say_unknown(run.console, ae_titles.unknown_destinations(entity))


@commands.command("set")
def change(
    context: typer.Context,
    title: Title,
    host: Host = None,
    port: Port = None,
    role: Roles = None,
    destination: Destinations = None,
    quiet_period: QuietPeriod = None,
    patience: Patience = None,
    evidence: Evidence = None,
    description: Description = None,
    tls: Tls = None,
    compression: OverlayCompression = None,
    url: Url = None,
    proof: HowProven = None,
    callers: Callers = None,
    certificate: Certificates = None,
    language: Language = None,
    beside: Beside = None,
) -> None:
    """Change an AE title; options that are left out stay as they are."""
    run = invocation(context)
    ae_titles = run.administration().ae_titles
    present = ae_titles.get(title)
    entity = replace(
        present,
        **_given(
            host=host,
            port=port,
            role=role,
            destination=destination,
            quiet_period=quiet_period,
            patience=patience,
            evidence=evidence,
            description=description,
            tls=tls,
            compression=compression,
            url=url,
            proof=proof,
            callers=callers,
            certificate=certificate,
            language=language,
            beside=beside,
        ),
    )
    ae_titles.change(entity, version=version_of(present), actor=getpass.getuser())
    run.console.print(f"Changed {entity.title}.")
    _say_unknown(run.console, ae_titles.unknown_destinations(entity))


def _say_unknown(console: Console, titles: Sequence[str]) -> None:
    if titles:
        console.print(
            f"[yellow]Nothing is sent to {', '.join(titles)} before it is added:[/] "
            f"dicom-node ae add {titles[0]} --host … --port … --role pacs",
            highlight=False,
        )


@commands.command("remove")
def remove(context: typer.Context, title: Title) -> None:
    """Remove an AE title; it is refused from its next association on."""
    run = invocation(context)
    run.administration().ae_titles.remove(title, actor=getpass.getuser())
    run.console.print(f"Removed {title}.")


@commands.command("list")
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """List the AE titles."""
    run = invocation(context)
    if as_json:
        write_json(run.administration().ae_titles.all())
        return
    headings = ("Address", "Calls from", "Roles", "Results go to", "Quiet", "Gets", "Proof", "Note")
    table = Table("Title", *headings, box=None)
    for each in run.administration().ae_titles.all():
        table.add_row(
            each.title,
            each.address,
            _places(each),
            ", ".join(sorted(each.roles)),
            ", ".join(each.destinations) or "nobody",
            f"{each.quiet_period:g} s",
            ",".join(each.evidence),
            each.proof.value,
            each.description,
        )
    if table.row_count:
        run.console.print(table)
    else:
        run.console.print("No AE titles yet: everybody is refused. `dicom-node ae add --help`")


def _places(entity: ApplicationEntity) -> str:
    shown = ", ".join(entity.callers)
    return f"{shown}, by certificate" if entity.certificates else shown


@commands.command("echo")
def echo(context: typer.Context, title: Title) -> None:
    """Send a C-ECHO to an administered AE title, or the smallest search to a DICOMweb server."""
    set_up_dicom()
    run = invocation(context)
    seconds = run.administration().ae_titles.echo(title)
    run.console.print(f"{title.strip()} answered in {seconds * 1000:.0f} ms.")


@commands.command("credential")
def credential(
    context: typer.Context,
    title: Title,
    user: Annotated[
        str, typer.Option(help="The user of a password; without, it is a bearer token.")
    ] = "",
    forget: Annotated[bool, typer.Option("--forget", help="Forget the credential.")] = False,
) -> None:
    """Keep what opens a DICOMweb server, read from the terminal or standard input; never shown."""
    run = invocation(context)
    ae_titles = run.administration().ae_titles
    entity = ae_titles.get(title)
    if forget:
        was_there = ae_titles.forget_credential(title, actor=getpass.getuser())
        run.console.print("Forgotten." if was_there else "There was none.")
        return
    if sys.stdin.isatty():
        secret = getpass.getpass("Password: " if user else "Token: ")
    else:
        secret = sys.stdin.readline().rstrip("\r\n")
    ae_titles.keep_credential(title, user=user, secret=secret, actor=getpass.getuser())
    run.console.print(f"Kept for {entity.title}; a running node uses it from the next delivery on.")
    if entity.url.startswith("http:"):
        run.console.print("Its address is no https: it travels where others may read it.")


@commands.command("probe")
def probe(
    context: typer.Context,
    title: Title,
    apply: Annotated[
        bool, typer.Option("--apply", help="Write what is proposed into its entry.")
    ] = False,
) -> None:
    """Find out what an administered AE title takes and offers; propose what to write of it."""
    # Loads the DICOM libraries, which administering does without.
    from dicom_node.cli.probing import (  # noqa: PLC0415
        show_profile,
        show_proof,
        show_proposal,
        show_web_profile,
    )
    from dicom_node.domain.peer_profile import (  # noqa: PLC0415 - the same
        proposed_evidence,
        proposed_proof,
    )
    from dicom_node.node.peers import profile_of, web_profile_of  # noqa: PLC0415 - the same

    set_up_dicom()
    run = invocation(context)
    ae_titles = run.administration().ae_titles
    entity = ae_titles.get(title)
    if entity.url:
        show_web_profile(run.console, entity, web_profile_of(run.settings(), entity))
        return
    profile = profile_of(run.settings(), entity)
    show_profile(run.console, entity, profile)
    proposal = proposed_evidence(entity, profile)
    proof = proposed_proof(entity, profile)
    show_proposal(run.console, entity, proposal)
    show_proof(run.console, entity, proof)
    changed = replace(entity, evidence=proposal.evidence or entity.evidence, proof=proof)
    if apply and changed != entity:
        ae_titles.change(changed, version=version_of(entity), actor=getpass.getuser())
        run.console.print(f"Changed {entity.title}.")


def _given(
    *,
    host: str | None = None,
    port: int | None = None,
    role: list[Role] | None = None,
    destination: list[str] | None,
    quiet_period: float | None,
    patience: float | None,
    evidence: str | None,
    description: str | None,
    tls: bool | None,
    compression: Compression | None,
    url: str | None,
    proof: Proof | None,
    callers: list[str] | None,
    certificate: list[str] | None,
    language: LanguageCode | None,
    beside: bool | None,
) -> dict[str, Any]:
    """Return the fields of an entry that options were given for."""
    fields = {
        "host": host,
        "port": port,
        "roles": frozenset(role) if role else None,
        "destinations": tuple(destination) if destination else None,
        "quiet_period": quiet_period,
        "patience": patience,
        "evidence": _kinds(evidence) if evidence is not None else None,
        "description": description,
        "tls": tls,
        "compression": compression,
        "url": url,
        "proof": proof,
        "callers": tuple(callers) if callers else None,
        "certificates": _fingerprints(certificate) if certificate else None,
        "language": language,
        "beside": beside,
    }
    return {name: value for name, value in fields.items() if value is not None}


def _fingerprints(given: list[str]) -> tuple[str, ...]:
    if given == ["any"]:
        return ()
    return tuple(_fingerprint(each) for each in given)


def _fingerprint(given: str) -> str:
    path = Path(given)
    if not path.is_file():
        return given.replace(":", "").lower()
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(path.read_text().strip())).hexdigest()
    except (ValueError, binascii.Error) as error:
        raise ConfigurationError(f"{given} is no certificate in PEM: {error}") from error


def _kinds(listed: str) -> tuple[EvidenceKind, ...]:
    names = [name.strip().lower() for name in listed.split(",") if name.strip()]
    known = [kind.value for kind in ADMINISTERED_EVIDENCE]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise ConfigurationError(f"unknown evidence {', '.join(unknown)}: use {', '.join(known)}.")
    return tuple(EvidenceKind(name) for name in names)
