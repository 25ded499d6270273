"""Settings of what the node does: analysis, review, devices, evidence, what is kept, and when."""

import socket
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from dicom_node.configuration.section import Section


class WorkflowSettings(Section):
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


class HostSettings(Section):
    """This host among those that share one PostgreSQL."""

    role: Literal["all", "receiver", "worker", "web"] = "all"
    """What it does; `serve --role` says it too. Other than all needs PostgreSQL."""
    name: str = Field(default="", pattern=r"^[A-Za-z0-9._-]{0,64}$")
    """What people call it, in `status` and health; empty: the machine's name."""
    beat: float = Field(default=5.0, gt=0)
    """Seconds between two signs of life in the database."""
    dead_after: float = Field(default=20.0, gt=0)
    """Seconds of silence after which others take over its work; three beats at least."""

    @property
    def shown_name(self) -> str:
        """What `status`, health and other hosts call it."""
        return self.name or socket.gethostname()[:64]


class ReviewSettings(Section):
    """Experts at work."""

    claim_seconds: float = Field(default=900.0, ge=30, le=86400)
    """Seconds for which a claimed item is held without a sign of life from its reader."""


class InferenceSettings(Section):
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


class WorkerSettings(Section):
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


class CalibrationSettings(Section):
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


class DriftSettings(Section):
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


class FineTuningSettings(Section):
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


class RetentionSettings(Section):
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


class EvidenceSettings(Section):
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


class WorklistSettings(Section):
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


class SelfTestSettings(Section):
    """The node's test of itself, by a synthetic study round the corridor."""

    schedule: _Schedule = ""
    """When it is run: minute, hour, day, month, weekday (UTC); empty: only by the button."""
