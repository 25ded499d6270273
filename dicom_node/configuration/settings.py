"""Settings: defaults here, ``node.toml`` over them, the environment over both.

Every setting can be given as ``DICOM_NODE_<SECTION>__<NAME>``. Secrets (a database URL with a
password) come from the environment or from files, never from TOML. The sections
stand in `peers` and `work`. The table in ``docs/settings.md`` is checked against all of them.
"""

from functools import cache
from pathlib import Path
from typing import ClassVar

from pydantic import (
    Field,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from dicom_node.configuration.peers import (
    AuditSettings,
    DatabaseSettings,
    NetworkSettings,
    NotificationSettings,
    OpenIdSettings,
    OrdersSettings,
    PerformingSettings,
    RetrievalSettings,
    TlsSettings,
    WebSettings,
)
from dicom_node.configuration.work import (
    CalibrationSettings,
    DriftSettings,
    EvidenceSettings,
    FineTuningSettings,
    HostSettings,
    InferenceSettings,
    RetentionSettings,
    ReviewSettings,
    SelfTestSettings,
    WorkerSettings,
    WorkflowSettings,
    WorklistSettings,
)
from dicom_node.errors import ConfigurationError


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
