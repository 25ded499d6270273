"""What the rest of the node knows of a kind of model: one frozen value for each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from ai_engine.library.card import ChannelKind
from ai_engine.models.architecture import Architecture
from ai_engine.training.tasks import TaskSpec


class Reads(StrEnum):
    """What a model is given."""

    RADIOGRAPHS = "radiographs"
    CT_STUDY = "a CT study"
    FOLDER = "a folder of DICOM"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind:
    """A kind of model: what it is, and where its parts are.

    A part is named as ``module:function`` and imported when it is first asked for, so that a node
    that serves never loads what only training needs; an empty name says that the kind hasn't that
    part. Everything that treats models by kind asks for a part (`ai_engine.kinds.registry.part`);
    nothing compares kinds.

    Attributes
    ----------
    name
        As cards spell it.
    reads
        What its models are given.
    has_weights
        Whether its models have a weights file; a classical method has settings instead.
    has_findings
        Whether its labels are reported: each needs a code then.
    predictor
        ``(Loading) -> RadiographPredictor``, a `CtPredictor` for a kind that reads CT studies, or a
        `FolderPredictor` for one that gets files: makes results. Only kinds with one can be named
        by routes.
    guard
        ``(Loading, sees: str) -> Guard``: decides what other models may see.
    triage
        ``(Loading) -> Triaging``: says how probably a study is abnormal, before it is analysed.
    outlines
        ``(Loading) -> LungOutlines``: outlines the lungs for evidence of other models.
    channel, channel_source
        The channel that its models make for others, and ``(Loading) -> ChannelSource``.
    preparation
        ``(ModelCard, Path) -> object``: makes a model ready to run in a cache, and so proves that
        its weights fit its card.
    readiness
        ``(Loading) -> None``: asks what runs its models elsewhere whether it is there and has
        them, in seconds; raises ServiceAwayError or BackendError.
    evaluation
        ``(Evaluation) -> EvaluationReport``: measures a model on a data set.
    comparison
        ``(Evaluation) -> Quality``: what ``models compare`` says of its quality.
    scorer
        ``(Loading) -> Scorer``: the model's own probabilities, for shadows and second opinions.
    networks
        The architectures that are its own, by the name that cards and recipes use.
    training
        What its models can learn, by the word that recipes say (``task = "labels"``).
    tunable
        Architectures whose weights fine-tuning goes on from.
    is_calibrated
        Whether devices get thresholds and drift is watched for its models.
    is_exported
        Whether its models run on other back ends (TensorFlow Serving).
    """

    name: str
    reads: Reads = Reads.RADIOGRAPHS
    has_weights: bool = True
    has_findings: bool = False
    predictor: str = ""
    guard: str = ""
    triage: str = ""
    outlines: str = ""
    channel: ChannelKind | None = None
    channel_source: str = ""
    preparation: str = "ai_engine.inference.conversion:converted_model"
    readiness: str = ""
    evaluation: str = ""
    comparison: str = ""
    scorer: str = ""
    networks: Mapping[str, Architecture] = field(default_factory=dict)
    training: Mapping[str, TaskSpec] = field(default_factory=dict)
    tunable: frozenset[str] = frozenset()
    is_calibrated: bool = False
    is_exported: bool = False

    @property
    def sees_ranks(self) -> bool:
        """Whether its models are given ranks as a second channel where their card says so."""
        return any("ranks_beside" in spec.reads for spec in self.training.values())
