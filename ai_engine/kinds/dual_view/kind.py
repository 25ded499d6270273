"""The dual branch: frontal and lateral images of a study judged together (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import DENSENETS, Architecture
from ai_engine.training.tasks import IMAGES, ONE_STAGE, STARTED, TaskSpec

DUAL_VIEW = ModelKind(
    name="dual-view",
    has_findings=True,
    predictor="ai_engine.kinds.dual_view.loading:load",
    evaluation="ai_engine.kinds.dual_view.evaluation:evaluate",
    networks={
        "dual_branch": Architecture(
            builder="ai_engine.kinds.dual_view.network:build_dual_branch",
            channels_last=True,
            channels="frontal_channels",
            starts=dict.fromkeys(DENSENETS, "ai_engine.kinds.dual_view.network:branch_weights"),
        ),
    },
    training={
        "view-pairs": TaskSpec(
            trainer="ai_engine.kinds.dual_view.training:PairTrainer",
            reads=IMAGES | STARTED | {"channels"},
            needs=ONE_STAGE,
            architectures=("dual_branch",),
        )
    },
)
