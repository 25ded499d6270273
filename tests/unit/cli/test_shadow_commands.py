"""A candidate as shadow by command, over live images on disk; and fine-tuning's refusals."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.classifier import loading
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.shipped import CHEST_MODEL
from dicom_node.configuration.settings import load_settings
from dicom_node.domain.job import Job
from dicom_node.domain.observation import Observation
from dicom_node.errors import ConfigurationError, ConflictError, NotFoundError
from dicom_node.finetuning.split import TooFewCasesError
from dicom_node.models.cards import ModelCards, ModelUnavailableError
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.node.shadows import Shadows
from tests.schema import give_schemas
from tests.unit.builders import STUDY, an_instance
from tests.unit.cli.test_device_commands import CONFIG, dicom_node
from tests.unit.export.images import small_radiograph

pytestmark = pytest.mark.slow

SHADOW = "3.0.0"


class Sure:
    """A backend that finds everything everywhere."""

    def predict(self, batch: FloatArray) -> Activation:
        return Activation(
            probabilities=np.full((len(batch), 1), 0.97, dtype=np.float32),
            features=np.zeros((len(batch), 1, 1, 1), dtype=np.float32),
        )


@pytest.fixture
def cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelCards:
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")
    return ModelCards(CONFIG, load_settings(CONFIG).models_dir)


@pytest.fixture
def repositories(cards: ModelCards) -> Iterator[Repositories]:
    made = Repositories(load_settings(CONFIG))
    give_schemas(made)
    made.received.open()
    yield made
    made.close()


def analysed(
    repositories: Repositories, cards: ModelCards, number: int, *, with_file: bool = True
) -> None:
    """An image that the champion has analysed just now."""
    uid, job = f"1.2.{number}", f"{number:032d}"
    study = f"{STUDY}.{number}"
    instance = an_instance(uid, study_instance_uid=study, path=f"CR1/20260101/{uid}.dcm")
    repositories.index.record([instance])
    if with_file:
        path = repositories.objects.source_path(instance.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        small_radiograph().save_as(path, enforce_file_format=True)
    model = cards.identity(CHEST_MODEL)
    repositories.hotbase.add_job(
        Job(
            job_id=job,
            study_instance_uid=study,
            revision=1,
            route="chest",
            model=model,
            sop_instance_uids=(uid,),
            destinations=("PACS",),
        ),
        at=utc_now(),
    )
    repositories.observations.observe(
        [
            Observation(
                job_id=job,
                sop_instance_uid=uid,
                frame_number=None,
                device_id="cr1",
                model_name=model.name,
                weights_digest=model.weights_digest,
                observed_at=utc_now(),
                scores={"Abnormal": 0.4},
            )
        ]
    )


def test_a_shadow_is_set_followed_reported_and_ended(
    repositories: Repositories, cards: ModelCards, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(asked: Loading) -> Scorer:
        assert asked.cache
        assert asked.threads == 1
        return Scorer(asked.card, Sure())

    monkeypatch.setattr(loading, "load_scorer", load)
    analysed(repositories, cards, 1)
    said = dicom_node("models", "shadow", CHEST_MODEL, SHADOW, "--by", "ann").output
    assert "Nothing it says is sent or shown" in said
    analysed(repositories, cards, 2)
    analysed(repositories, cards, 3, with_file=False)
    running = Shadows(repositories, cards)
    assert running.run() == 2
    assert running.run() == 0
    # What came before the shadow is not looked at; what is gone is said.
    kept = {each.job_id: each for each in repositories.shadows.scores(CHEST_MODEL, digest(cards))}
    assert [int(job) for job in kept] == [2, 3]
    assert _rounded(kept[f"{2:032d}"].scores) == {"Abnormal": 0.97}
    assert "gone" in kept[f"{3:032d}"].failure
    # It goes nowhere: no finding, no evidence, no delivery, no item.
    for job in kept:
        assert repositories.hotbase.findings(job) == ()
        assert repositories.hotbase.evidence(job) == ()
        assert repositories.deliveries.of_job(job) == ()
    report = dicom_node("models", "shadow", "report").output
    listed = json.loads(dicom_node("models", "shadow", "report", "--json").output)
    assert isinstance(listed, list)
    assert f"{CHEST_MODEL}/{SHADOW} as shadow: 1 image" in report
    assert "Not scored: 1" in report
    assert "no longer runs" in dicom_node("models", "shadow", CHEST_MODEL, "off").output
    assert (
        f"{SHADOW} as shadow"
        in dicom_node("models", "shadow", "report", CHEST_MODEL, "--version", SHADOW).output
    )
    with pytest.raises(NotFoundError, match="name the version"):
        dicom_node("models", "shadow", "report")


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    return {label: round(score, 2) for label, score in scores.items()}


def digest(cards: ModelCards) -> str:
    return cards.version(CHEST_MODEL, SHADOW).weights_digest


@pytest.mark.usefixtures("repositories")
def test_what_cannot_run_as_shadow_is_refused(cards: ModelCards) -> None:
    active = cards.identity(CHEST_MODEL).version
    with pytest.raises(ConflictError, match="is active: it sees every study already"):
        dicom_node("models", "shadow", CHEST_MODEL, active)
    with pytest.raises(ModelUnavailableError, match="not installed"):
        dicom_node("models", "shadow", CHEST_MODEL, "9.9.9")
    guard = cards.active("frontal-chest-guard")
    with pytest.raises(ConflictError, match="only classifiers"):
        dicom_node("models", "shadow", guard.name, guard.version)
    with pytest.raises(ConfigurationError, match="say which version"):
        dicom_node("models", "shadow", CHEST_MODEL)
    with pytest.raises(NotFoundError, match="runs as shadow"):
        dicom_node("models", "shadow", CHEST_MODEL, "off")


@pytest.mark.usefixtures("repositories")
def test_fine_tuning_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.nice", lambda _by: 0)
    with pytest.raises(TooFewCasesError, match=r"too few cases to learn from \(none\)"):
        dicom_node("models", "finetune")
    with pytest.raises(ModelUnavailableError, match="cannot be fine-tuned: it is a guard"):
        dicom_node("models", "finetune", "frontal-chest-guard")
    with pytest.raises(ModelUnavailableError, match="cannot be fine-tuned: it is a classical-ct"):
        dicom_node("models", "finetune", "ct-high-attenuation")
