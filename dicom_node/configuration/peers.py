"""Settings of what lies around the node: callers, pages, databases, archives, orders, notices."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from dicom_node.configuration.section import Section
from dicom_node.domain.notice import QuietHours, UrgentRule
from dicom_node.domain.retrieval import Way

# What a secret or token passes through is encrypted, or stays on this machine.
_ISSUER = r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/[^\s?#]*)?)?$"


class NetworkSettings(Section):
    """The DICOM side of the node."""

    ae_title: str = "AINODE"
    """The node's own AE title: what modalities must call, and what it calls itself."""
    host: str = "0.0.0.0"  # noqa: S104 - modalities call from elsewhere; callers are checked by AE title
    """The address to listen on."""
    port: int = Field(default=11112, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    receivers: int = Field(default=2, ge=1, le=32)
    """How many receiver processes share the port."""
    max_associations: int = Field(default=32, ge=1)
    """How many associations the node holds at once, over all receiver processes."""
    max_associations_per_entity: int = Field(default=0, ge=0)
    """How many of them one AE title at one address may hold; 0: half of them."""
    max_associations_per_address: int = Field(default=0, ge=0)
    """How many of them may come from one address; 0: three quarters of them."""
    max_silent_per_address: int = Field(default=0, ge=0)
    """How many connections of one address may carry none; 0: half as many, at least 8."""
    reactor: Literal["waiting", "pynetdicom"] = "waiting"
    """What drives associations: the node's own loop, or pynetdicom's to fall back to."""
    max_pdu: int = Field(default=131072, ge=4096, le=1048576)
    """The largest PDU accepted, in bytes."""
    max_object_bytes: int = Field(default=2 * 1024**3, ge=1024)
    """The largest data set accepted, in bytes."""
    idle_timeout: float = Field(default=60.0, gt=0)
    """Seconds without traffic after which an association is aborted."""
    min_free_bytes: int = Field(default=1024**3, ge=0)
    """Free disk space under which C-STORE is answered with Out of Resources."""
    max_query_results: int = Field(default=1000, ge=1, le=100000)
    """How many matches a C-FIND is given; further ones are answered with Out of Resources."""
    connect_timeout: float = Field(default=10.0, gt=0)
    """Seconds to wait for a destination to accept a connection."""
    response_timeout: float = Field(default=60.0, gt=0)
    """Seconds to wait for a destination's response to a message."""


class WebSettings(Section):
    """The HTTP side of the node."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""
    certificate: str = ""
    """PEM file with the certificate of HTTPS; empty: plain HTTP. Read again when it changes."""
    private_key: str = ""
    """PEM file with the certificate's key, readable by the node only."""
    redirect_port: int = Field(default=0, ge=0, le=65535)
    """A port of plain HTTP that sends browsers to HTTPS; 0: none."""
    https: bool = False
    """Whether browsers reach the node by HTTPS through a proxy; cookies then need it."""
    proxies: tuple[str, ...] = ()
    """Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed."""
    upload_ae_title: str = Field(default="UPLOAD", pattern=r"^[A-Za-z0-9._-]{1,16}$")
    """The AE title that what people upload counts as sent by; tokens have their own."""
    max_upload_bytes: int = Field(default=16 * 2**30, ge=2**20)
    """The largest body of one upload (STOW-RS), in bytes."""
    max_uploads: int = Field(default=8, ge=1)
    """How many uploads are taken at once; more are asked to come again."""

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach the node by HTTPS, its own or a proxy's."""
        return self.https or bool(self.certificate)


class OpenIdSettings(Section):
    """Signing in at an OpenID Provider (OpenID Connect Core 1.0)."""

    issuer: str = Field(default="", pattern=_ISSUER)
    """The provider's issuer, as its discovery document writes it; empty: passwords alone."""
    client_id: str = ""
    """What the provider calls the node."""
    client_secret_file: str = ""
    """File with the client's secret, readable by the node only; empty: a public client."""
    trusted: str = ""
    """PEM file with what the provider's certificate must lead to; empty: the well-known."""
    label: str = Field(default="OpenID", min_length=1, max_length=64)
    """What people call the provider; the button says it."""
    scopes: tuple[str, ...] = ("openid", "profile")
    """What is asked for; many providers want another one for groups."""
    name_claim: str = Field(default="preferred_username", min_length=1)
    """The claim that is the user name here, without what follows an @."""
    roles_claim: str = Field(default="groups", min_length=1)
    """The claim that roles are taken from, its parts joined by dots: realm_access.roles."""
    experts: tuple[str, ...] = ()
    """Values of that claim that give the role expert."""
    readers: tuple[str, ...] = ()
    """Values that give the role reader."""
    operators: tuple[str, ...] = ()
    """Values that give the role operator."""
    admins: tuple[str, ...] = ()
    """Values that give the role admin."""
    organization: str = Field(default="", max_length=64)
    """The organisation for which people of the provider make their verdicts."""
    only: bool = False
    """Whether people sign in at the provider alone: passwords of the node open nothing."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        roles = (*self.experts, *self.readers, *self.operators, *self.admins)
        if self.issuer and not (self.client_id and roles):
            raise ValueError("openid.issuer needs openid.client_id, and groups for a role")
        if self.issuer and "openid" not in self.scopes:
            raise ValueError("openid.scopes needs openid among them")
        if self.only and not (self.issuer and self.admins):
            raise ValueError(
                "openid.only shuts everybody out without openid.issuer, and whoever administers "
                "the node without openid.admins"
            )
        return self


class DatabaseSettings(Section):
    """Where rows live."""

    url: str = ""
    """SQLAlchemy URL of the index and Hotbase; empty: an SQLite file in the data folder."""
    warehouse_url: str = ""
    """SQLAlchemy URL of the Warehouse; empty: an SQLite file in the data folder."""
    workflow_url: str = ""
    """SQLAlchemy URL of the workflow store; empty: beside or, on PostgreSQL, in ``url``."""


class TlsSettings(Section):
    """DICOM over TLS."""

    certificate: str = ""
    """PEM file with this node's certificate; empty: no TLS."""
    private_key: str = ""
    """PEM file with the certificate's key, readable by the node only."""
    trusted: str = ""
    """PEM file with the certificates, or their authorities, that peers' must lead to."""
    port: int = Field(default=2762, ge=0, le=65535)
    """The port on which the node receives by TLS beside the plain one; 0 takes a free one."""
    verify_clients: bool = True
    """Whether callers must show a trusted certificate."""
    worklist: bool = False
    """Whether the worklist's port speaks TLS."""


class AuditSettings(Section):
    """The audit trail (DICOM PS3.15 Section A.5)."""

    source: str = Field(default="", max_length=64)
    """Audit Source ID: what the trail calls this node; empty: its AE title."""
    site: str = Field(default="", max_length=64)
    """Audit Enterprise Site ID: the hospital or department; empty leaves it out."""
    file_bytes: int = Field(default=64 * 1024**2, ge=4096)
    """Size from which the trail goes on in another file, in bytes."""
    syslog: str = Field(default="", pattern=r"^((tls|udp)://[^/\s]+:[0-9]{1,5})?$")
    """Where records are sent too: tls://HOST:PORT or udp://HOST:PORT; empty: nowhere."""
    syslog_trusted: str = ""
    """PEM file with what the receiver's certificate must lead to; empty: the system's."""
    syslog_certificate: str = ""
    """PEM file with the certificate that is shown to the receiver; empty: none."""
    syslog_private_key: str = ""
    """PEM file with its key, readable by the node only."""


class RetrievalSettings(Section):
    """Images that the node fetches itself."""

    archive: str = ""
    """AE title of the archive that is asked for images a transfer lacks; empty: nobody."""
    look_back: float = Field(default=86400.0, gt=0)
    """Seconds since a study's last image for which the archive is asked about it."""
    counted: Literal["doubtful", "all"] = "doubtful"
    """Whose images it is asked to count: of studies that seem to lack some, or of all."""
    way: Way = Way.AUTO
    """How it hands images over: get (C-GET), move (C-MOVE), or auto: C-MOVE where C-GET fails."""
    deadline: float = Field(default=600.0, gt=0)
    """Seconds after which anything that was asked of the archive is given up."""
    priors: int = Field(default=0, ge=0, le=20)
    """How many earlier studies of a patient are fetched for each study that arrives; 0: none."""
    prior_same: tuple[Literal["modality", "body part"], ...] = ("modality", "body part")
    """What a prior has in common with the study besides its patient."""
    prior_days: float = Field(default=1825.0, gt=0)
    """How many days before the study a prior may be."""
    prior_images: int = Field(default=600, ge=1)
    """How many images are fetched of one prior, at most; whole series are left out beyond."""
    prior_patience: float = Field(default=5.0, ge=0, le=600)
    """Seconds for which a model that wants priors waits for them; no other result ever waits."""


class PerformingSettings(Section):
    """Steps of somebody else's worklist that the node performs."""

    manager: str = ""
    """AE title of the worklist manager (UPS) that is asked for work; empty: nobody."""
    label: str = ""
    """Worklist Label (0074,1202) of the steps that are taken; empty: all."""
    interval: float = Field(default=30.0, gt=0)
    """Seconds between two looks at that worklist."""
    at_once: int = Field(default=4, ge=1, le=100)
    """How many of its steps the node has claimed at once, at most."""


class OrdersSettings(Section):
    """Orders of studies whose images name none."""

    worklist: str = ""
    """AE title of the Modality Worklist that is asked for them; empty: nobody."""


def _require_hours(text: str) -> str:
    QuietHours.read(text)
    return text


def _require_rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    for rule in rules:
        UrgentRule.read(rule)
    return rules


class NotificationSettings(Section):
    """Who is told when something is wrong, or urgent; channels are added by page or command."""

    address: str = Field(default="", pattern="^(https?://[^/ ]+(/[^ ]*[^/ ])?)?$")
    """Where pages and DICOMweb are reached, for links: https://ai.example.org; empty: no links."""
    interval: float = Field(default=30.0, gt=0)
    """Seconds between two looks at what is to be told; what comes up within goes as one notice."""
    settle: float = Field(default=60.0, ge=0)
    """Seconds for which trouble must last, or be over, before it is told."""
    quiet_hours: Annotated[str, AfterValidator(_require_hours)] = ""
    """Hours in which only failing and urgent is told, in the machine's time: 22:00-06:00."""
    urgent: Annotated[tuple[str, ...], AfterValidator(_require_rules)] = ()
    """Findings that are told at once, with the least probability: ["Pneumothorax>=0.8"]."""
