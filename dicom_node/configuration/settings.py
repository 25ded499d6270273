"""Settings: defaults here, ``node.toml`` over them, the environment over both.

Every setting can be given as ``DICOM_NODE_<SECTION>__<NAME>``. Secrets (a database URL with a
password) come from the environment or from files, never from TOML. The table in
``docs/settings.md`` is checked against these classes by a test.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dicom_node.domain.notice import QuietHours, UrgentRule
from dicom_node.domain.retrieval import Way
from dicom_node.errors import ConfigurationError

# What a secret or token passes through is encrypted, or stays on this machine.
_ISSUER = r"^(https://[^\s?#]+|http://(127\.0\.0\.1|localhost)(:[0-9]{1,5})?(/[^\s?#]*)?)?$"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class NetworkSettings(_Section):
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


class WebSettings(_Section):
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


class OpenIdSettings(_Section):
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


class DatabaseSettings(_Section):
    """Where rows live."""

    url: str = ""
    """SQLAlchemy URL of the index and Hotbase; empty: an SQLite file in the data folder."""
    warehouse_url: str = ""
    """SQLAlchemy URL of the Warehouse; empty: an SQLite file in the data folder."""
    workflow_url: str = ""
    """SQLAlchemy URL of the workflow store; empty: beside or, on PostgreSQL, in ``url``."""


class WorkflowSettings(_Section):
    """Completion, analysis and delivery."""

    association_patience: float = Field(default=30.0, ge=0)
    """Seconds of quiet after which a study is complete although its association is still open."""
    parallel_studies: int = Field(default=2, ge=1)
    """How many studies are analysed at once; more wait in a queue by priority."""
    first_retry_delay: float = Field(default=5.0, gt=0)
    """Seconds before a failed delivery is tried again; doubles with each try."""
    longest_retry_delay: float = Field(default=600.0, gt=0)
    """Upper limit of the time between two tries, in seconds."""
    give_up_after: float = Field(default=259200.0, gt=0)
    """Seconds after which a delivery that never succeeded is marked failed."""
    commitment_patience: float = Field(default=3600.0, gt=0)
    """Seconds to wait for a destination's commitment; asked three times, then not committed."""
    sweep_interval: float = Field(default=10.0, gt=0)
    """Seconds between two looks for studies and deliveries that a crash left behind."""
    executor_id: str = Field(default="", pattern="^[A-Za-z0-9._-]{0,64}$")
    """Name of this host among those that share a database; empty: made once, and kept."""
    stuck_after: float = Field(default=3600.0, gt=0)
    """Seconds after its last image at which a study that is not done degrades the health."""
    keep_workflows: float = Field(default=604800.0, gt=0)
    """Seconds for which rows of finished workflows are kept."""


class HostSettings(_Section):
    """This host among those that share one PostgreSQL."""

    role: Literal["all", "receiver", "worker", "web"] = "all"
    """What it does; `serve --role` says it too. Other than all needs PostgreSQL."""
    name: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """What people call it, in `status` and health; empty: the machine's name."""
    beat: float = Field(default=5.0, gt=0)
    """Seconds between two signs of life in the database."""
    dead_after: float = Field(default=20.0, gt=0)
    """Seconds of silence after which others take over its work; three beats at least."""


class ReviewSettings(_Section):
    """Experts at work."""

    claim_seconds: float = Field(default=900.0, ge=30, le=86400)
    """Seconds for which a claimed item is held without a sign of life from its reader."""


class InferenceSettings(_Section):
    """Running models."""

    threads: int = Field(default=0, ge=0)
    """CPU threads for one inference; 0: each worker has its share of the processors."""
    backend: str = Field(default="openvino", pattern="^(openvino|tensorflow|tensorflow-serving)$")
    """What runs classifiers: openvino, tensorflow (the extra `train`) or tensorflow-serving."""
    serving_url: str = Field(default="http://127.0.0.1:8501", pattern="^https?://")
    """TensorFlow Serving's REST address."""
    credentials_file: str = ""
    """File with what services that run models are told of who asks; empty: nothing."""
    service_patience: float = Field(default=86400.0, ge=0)
    """Seconds for which a study waits for a service that is away; then its job fails."""
    precision: str = Field(default="auto", pattern="^(auto|f32|bf16)$")
    """Arithmetic of the CPU back end: f32, bf16 (faster), or auto: bf16 where a card allows it."""


class WorkerSettings(_Section):
    """The processes in which files are opened, decoded, analysed and drawn."""

    count: int = Field(default=2, ge=0, le=64)
    """How many there are, each with the models loaded; 0: the node does it itself, unprotected."""
    deadline: float = Field(default=60.0, gt=0)
    """Seconds that one step of a study may take, without what a busy machine keeps from it."""
    deadline_per_object: float = Field(default=1.0, ge=0)
    """Further seconds for each object of the study."""
    relief_after: float = Field(default=15.0, ge=0)
    """Seconds at one step of all workers after which another helps whoever waits; 0: none does."""
    memory_bytes: int = Field(default=8 * 1024**3, ge=0)
    """Address space of each, in bytes; 0: no limit."""


def _require_cron(schedule: str) -> str:
    if schedule:  # one that somebody has set: nobody else waits for what reads it
        from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

        CronTrigger.from_crontab(schedule)
    return schedule


_Schedule = Annotated[str, AfterValidator(_require_cron)]


class CalibrationSettings(_Section):
    """Thresholds of each device, from what experts have validated."""

    schedule: _Schedule = "0 3 * * *"
    """When devices are calibrated: minute, hour, day, month, weekday (UTC); empty: only by hand."""
    objective: str = Field(
        default="balanced",
        pattern=r"^(balanced|f1|(prevalence|sensitivity|specificity)=0?\.[0-9]*[1-9][0-9]*)$",
    )
    """What thresholds achieve: balanced, f1, prevalence=0.1, sensitivity=0.95, specificity=0.9."""
    min_positives: int = Field(default=10, ge=2)
    """Validated cases with a finding that a device needs for a threshold of its own."""
    min_negatives: int = Field(default=10, ge=2)
    """Validated cases without the finding that it needs."""


class DriftSettings(_Section):
    """When a device is said to have drifted."""

    schedule: _Schedule = "15 * * * *"
    """When devices are measured: minute, hour, day, month, weekday (UTC); empty: never."""
    recent_days: int = Field(default=14, ge=1)
    """The days that are compared with those before them."""
    reference_days: int = Field(default=90, ge=1)
    """The days before, that they are compared with."""
    alert_psi: float = Field(default=0.25, gt=0)
    """Population stability index from which a shift of scores or image quality is an alert."""
    alert_p_value: float = Field(default=0.01, gt=0, lt=1)
    """A shift is an alert only if chance explains it less often than this."""
    alert_acceptance: float = Field(default=0.8, ge=0, le=1)
    """Share of recent verdicts that accept the model, below which there is an alert."""
    floor_acceptance: float = Field(default=0.0, ge=0, le=1)
    """Share below which a model is suspended for a device; 0 never suspends."""
    fewest_verdicts: int = Field(default=20, ge=1)
    """Fewer recent verdicts than this neither alert nor suspend."""


class FineTuningSettings(_Section):
    """Models that go on learning from what experts have validated."""

    schedule: _Schedule = ""
    """When a candidate is trained: minute, hour, day, month, weekday (UTC); empty: only by hand."""
    min_new_cases: int = Field(default=50, ge=1)
    """Validated cases that must be new since the last candidate for the schedule to train one."""
    min_positives: int = Field(default=20, ge=2)
    """Validated cases with a finding that training needs."""
    min_negatives: int = Field(default=20, ge=2)
    """Validated cases without the finding that it needs."""
    min_held_out: int = Field(default=10, ge=2)
    """Cases of either class that a device's frozen set needs before it is frozen, and judged."""
    held_out_share: float = Field(default=0.3, gt=0, lt=1)
    """Share of new patients that models are measured on and never trained on."""
    validation_share: float = Field(default=0.15, ge=0, lt=1)
    """Share of the other patients that a candidate's thresholds are chosen on."""
    max_cases: int = Field(default=4000, ge=1)
    """The newest cases that are trained on; a quarter of a megabyte of memory each."""
    epochs: int = Field(default=6, ge=1)
    """How often training sees every case."""
    learning_rate: float = Field(default=2e-4, gt=0, lt=1)
    """The size of training's steps at first."""


class RetentionSettings(_Section):
    """How long images and results stay once nothing is left to be done with their study."""

    schedule: _Schedule = "30 2 * * *"
    """When they are removed: minute, hour, day, month, weekday (UTC); empty: only by hand."""
    image_days: float = Field(default=0.0, ge=0)
    """Days after which images of a settled study are removed; 0 keeps them."""
    high_water: float = Field(default=0.0, ge=0, le=100)
    """Per cent of the disk above which the oldest settled studies' images go sooner; 0: never."""
    freed: float = Field(default=5.0, gt=0, le=100)
    """Per cent of the disk that are made free below the high water mark."""
    fewest_days: float = Field(default=2.0, ge=0)
    """Days for which images and results stay however full the disk is."""
    result_days: float = Field(default=0.0, ge=0)
    """Days after which delivered results but reports go, once the images have gone; 0: never."""

    @model_validator(mode="after")
    def _results_go_after_images(self) -> Self:
        if self.result_days and not (self.image_days or self.high_water):
            raise ValueError(
                "retention.result_days: results go after the images of their study, and these "
                "never do: set retention.image_days or retention.high_water as well"
            )
        return self


class EvidenceSettings(_Section):
    """What results look like."""

    series_number_base: int = Field(default=9000, ge=1, le=2**31 - 1_000_000)
    """First Series Number of results, high so that they sort last; a model has a block of 100."""
    overlay_max_side: int = Field(default=1280, ge=512, le=8192)
    """Longest side of an overlay image, in pixels."""
    manufacturer: str = "DICOM AI node"
    """Manufacturer (0008,0070) in results."""
    institution: str = ""
    """Institution Name (0008,0080) in results; empty leaves it out."""
    device_serial_number: str = "1"
    """Device Serial Number (0018,1000) of this node in results."""
    report_unrouted: bool = True
    """Whether a report says so in the PACS where no route wants a study with images."""


class WorklistSettings(_Section):
    """The worklist for other systems: Unified Procedure Steps and Modality Worklist."""

    enabled: bool = False
    """Whether the node listens for worklist queries."""
    port: int = Field(default=11113, ge=0, le=65535)
    """The port of the worklist; 0 takes a free one."""
    max_associations: int = Field(default=64, ge=1)
    """How many associations the worklist holds at once."""
    max_results: int = Field(default=1000, ge=1, le=100000)
    """How many matches one query gives; more are refused with the advice to narrow it."""
    idle_timeout: float = Field(default=300.0, gt=0)
    """Seconds without traffic after which a worklist's association is aborted."""
    lock_hours: float = Field(default=8.0, gt=0)
    """Hours after which a performer's unused lock of a step ends."""
    label: str = Field(default="AI RESULTS", min_length=1, max_length=64)
    """Worklist Label (0074,1202) of the node's own steps."""
    token_file: str = ""
    """File of AE titles and bearer tokens for UPS-RS, beside the tokens that people issue."""


class TlsSettings(_Section):
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


class AuditSettings(_Section):
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


class RetrievalSettings(_Section):
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


class PerformingSettings(_Section):
    """Steps of somebody else's worklist that the node performs."""

    manager: str = ""
    """AE title of the worklist manager (UPS) that is asked for work; empty: nobody."""
    label: str = ""
    """Worklist Label (0074,1202) of the steps that are taken; empty: all."""
    interval: float = Field(default=30.0, gt=0)
    """Seconds between two looks at that worklist."""
    at_once: int = Field(default=4, ge=1, le=100)
    """How many of its steps the node has claimed at once, at most."""


class OrdersSettings(_Section):
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


class SelfTestSettings(_Section):
    """The node's test of itself, by a synthetic study round the corridor."""

    schedule: _Schedule = ""
    """When it is run: minute, hour, day, month, weekday (UTC); empty: only by the button."""


class NotificationSettings(_Section):
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


class NodeSettings(BaseSettings):
    """All settings of one node."""

    model_config = SettingsConfigDict(
        env_prefix="DICOM_NODE_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )
    toml_file: ClassVar[Path | None] = None

    data_dir: Path = Path("data")
    """Folder of the archive, the databases and caches."""
    data_mount: str = ""
    """Mount point of the data folder's disk, without which nothing begins; empty: not looked at."""
    shared_dir: str = ""
    """Folder that several hosts share, of archive, results and models; empty: `data_dir`."""
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """How much is logged."""
    log_format: str = Field(default="text", pattern="^(text|json)$")
    """One line of text or one JSON object per event."""
    network: NetworkSettings = NetworkSettings()
    web: WebSettings = WebSettings()
    openid: OpenIdSettings = OpenIdSettings()
    database: DatabaseSettings = DatabaseSettings()
    workflow: WorkflowSettings = WorkflowSettings()
    hosts: HostSettings = HostSettings()
    review: ReviewSettings = ReviewSettings()
    inference: InferenceSettings = InferenceSettings()
    workers: WorkerSettings = WorkerSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    worklist: WorklistSettings = WorklistSettings()
    orders: OrdersSettings = OrdersSettings()
    performing: PerformingSettings = PerformingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    tls: TlsSettings = TlsSettings()
    calibration: CalibrationSettings = CalibrationSettings()
    drift: DriftSettings = DriftSettings()
    finetuning: FineTuningSettings = FineTuningSettings()
    retention: RetentionSettings = RetentionSettings()
    notifications: NotificationSettings = NotificationSettings()
    self_test: SelfTestSettings = SelfTestSettings()
    audit: AuditSettings = AuditSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment over ``node.toml``."""
        del dotenv_settings, file_secret_settings
        toml = TomlConfigSettingsSource(settings_cls, toml_file=cls.toml_file)
        return init_settings, env_settings, toml

    @property
    def common_dir(self) -> Path:
        """Folder of what all hosts of a node share; of a single one, its data folder."""
        return Path(self.shared_dir) if self.shared_dir else self.data_dir

    @property
    def archive_dir(self) -> Path:
        """Folder of received DICOM files."""
        return self.common_dir / "archive"

    @property
    def evidence_dir(self) -> Path:
        """Folder of the DICOM files that were made of them."""
        return self.common_dir / "evidence"

    @property
    def models_dir(self) -> Path:
        """Folder of models that were trained or imported here, beside the shipped ones."""
        return self.common_dir / "models"

    @property
    def cache_dir(self) -> Path:
        """Folder of what can be made again: converted models."""
        return self.data_dir / "cache"

    @property
    def finetuning_dir(self) -> Path:
        """Folder of fine-tunings: plans, checkpoints, candidates."""
        return self.common_dir / "finetuning"

    @property
    def audit_dir(self) -> Path:
        """Folder of the audit trail."""
        return self.data_dir / "audit"

    @property
    def hotbase_url(self) -> str:
        """SQLAlchemy URL of the index and Hotbase."""
        return self.database.url or f"sqlite:///{self.data_dir.resolve() / 'hotbase.sqlite'}"

    @property
    def warehouse_dir(self) -> Path:
        """Folder of validated images, by device."""
        return self.common_dir / "warehouse"

    @property
    def warehouse_url(self) -> str:
        """SQLAlchemy URL of the Warehouse."""
        if self.database.warehouse_url:
            return self.database.warehouse_url
        return f"sqlite:///{self.data_dir.resolve() / 'warehouse.sqlite'}"

    @property
    def workflow_url(self) -> str:
        """SQLAlchemy URL of the workflow store."""
        if self.database.workflow_url:
            return self.database.workflow_url
        if self.hotbase_url.startswith("sqlite"):
            return f"sqlite:///{self.data_dir.resolve() / 'workflows.sqlite'}"
        return self.hotbase_url


def load_settings(config_dir: Path) -> NodeSettings:
    """Read ``node.toml`` in ``config_dir`` and the environment.

    Raises
    ------
    ConfigurationError
        When a value cannot be used; the message names each setting and what is wrong with it.
    """
    try:
        return _read_from(config_dir / "node.toml")()
    except ValidationError as error:
        raise ConfigurationError(_explained(error, config_dir)) from error
    except ValueError as error:  # TOML that cannot be parsed
        raise ConfigurationError(f"{config_dir / 'node.toml'}: {error}") from error


@cache
def _read_from(toml_file: Path) -> type[NodeSettings]:
    """The settings that a file fills; making such a class takes longer than reading the file."""
    # What settings mean has been read from the sources once already.
    own = {
        "toml_file": toml_file,
        "model_config": SettingsConfigDict(use_attribute_docstrings=False),
    }
    return type("LocatedSettings", (NodeSettings,), own)


def _explained(error: ValidationError, config_dir: Path) -> str:
    lines = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    ]
    source = f"in {config_dir / 'node.toml'} or the environment (DICOM_NODE_…)"
    return f"Settings {source} cannot be used: " + "; ".join(lines)
