"""A fine-tuning from the Warehouse to an installed candidate, with a tiny network."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from ai_engine.calibration.cases import Minimum
from ai_engine.commands.comparison.paired import ALL_DEVICES
from ai_engine.commands.comparison.report import JSON_NAME, PLOT_NAME, TEXT_NAME
from ai_engine.commands.comparison.standing import Standing
from ai_engine.commands.finetune import Tuning
from ai_engine.errors import ModelFolderError
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard, read_card, write_card
from ai_engine.library.earned import AMONG_ABNORMAL
from ai_engine.library.registry import verify_weights
from ai_engine.library.weights_file import model_tensors, read_weights, write_weights
from dicom_node.domain.held_out import Part
from dicom_node.errors import ConflictError
from dicom_node.finetuning import run as running
from dicom_node.finetuning.cases import LostImageError
from dicom_node.finetuning.plan import PlanError, read_plan
from dicom_node.finetuning.run import UNFINISHED, NothingNewError, Order, Outcome, Workshop, run
from dicom_node.finetuning.split import SplitRules
from dicom_node.models.cards import ModelCards
from dicom_node.persistence.database import WAREHOUSE_MIGRATIONS, make_engine
from dicom_node.persistence.warehouse.held_out import HeldOutStore
from dicom_node.persistence.warehouse.warehouse import WarehouseStore
from sr_templates.uids import device_uid
from tests.schema import give_schema
from tests.unit.finetuning.builders import DEVICE, OTHER_DEVICE, file_cases

pytest.importorskip("tensorflow")

AT = datetime(2026, 3, 1, tzinfo=UTC)
RULES = SplitRules(
    held_out_share=0.4,
    validation_share=0.2,
    training=Minimum(positives=5, negatives=5),
    held_out=Minimum(positives=4, negatives=4),
)


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """A DenseNet with one layer in each block."""
    from ai_engine.models import densenet  # noqa: PLC0415

    monkeypatch.setattr(densenet, "BLOCKS", (1, 1, 1, 1))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = make_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    give_schema(made, WAREHOUSE_MIGRATIONS)
    yield made
    made.dispose()


@pytest.fixture
def shop(engine: sa.Engine, tmp_path: Path) -> Workshop:
    """A workshop over two devices' cases; one of them shows everything inverted."""
    from ai_engine.inference.tensorflow_backend import TensorFlowBackend  # noqa: PLC0415

    warehouse, files = WarehouseStore(engine), tmp_path / "warehouse"
    file_cases(warehouse, files, 48)
    file_cases(
        warehouse, files, 48, first=100, device=OTHER_DEVICE, change=lambda pixels: 1 - pixels
    )
    return Workshop(
        warehouse=warehouse,
        held_out=HeldOutStore(engine),
        path_of=lambda relative: files / relative,
        folder=tmp_path / "finetuning",
        models=tmp_path / "models",
        scorer=lambda card: Scorer(card, TensorFlowBackend.load(card)),
        clock=lambda: AT,
    )


@pytest.fixture
def champion(tmp_path: Path) -> ModelCard:
    """A model of the tiny network that knows nothing yet."""
    import keras  # noqa: PLC0415

    from ai_engine.models.densenet import build_densenet121  # noqa: PLC0415

    keras.utils.set_random_seed(3)
    place = tmp_path / "models" / "chest-radiograph" / "2.0.0"
    tensors = model_tensors(build_densenet121(labels=1, size=64))
    digest = write_weights(place / "weights.safetensors", tensors)
    card = replace(chest_card(place, version="2.0.0", digest=digest), input_size=64)
    write_card(card)
    return card


def order(champion: ModelCard, **changes: object) -> Order:
    known = {
        "champion": champion,
        "installed": frozenset({champion.version}),
        "tuning": Tuning(epochs=6, learning_rate=3e-3, batch_size=8),
        "rules": RULES,
        "by": "kate",
    }
    return Order(**{**known, **changes})  # type: ignore[arg-type]


@pytest.mark.long
def test_a_candidate_is_trained_compared_installed_promoted_and_taken_back(
    shop: Workshop, champion: ModelCard, tmp_path: Path
) -> None:
    outcome = run(shop, order(champion))
    card, comparison = outcome.candidate, outcome.comparison
    verify_weights(card)
    assert card == read_card(shop.models / champion.name / "2.1.0")
    assert not (shop.folder / champion.name / UNFINISHED).exists()
    _check_learning(outcome)
    for name in (JSON_NAME, TEXT_NAME, PLOT_NAME):
        assert (card.folder / name).stat().st_size > 300
    assert comparison.verdict in (card.folder / TEXT_NAME).read_text("utf-8")
    # No patient is on both sides, and the frozen sets are those of the store.
    keys = {key for part in ("training", "validation") for key in getattr(outcome.plan, part)}
    assert not keys & set(outcome.plan.held_out)
    assert len(shop.held_out.frozen(champion.name)) == len(outcome.plan.held_out)
    _check_versions(card, champion, tmp_path)


def _check_learning(outcome: Outcome) -> None:
    found = {each.device: each for each in outcome.comparison.results}
    assert set(found) == {ALL_DEVICES, DEVICE.device_id, OTHER_DEVICE.device_id}
    everywhere = found[ALL_DEVICES]
    assert everywhere.standing is Standing.BETTER
    assert everywhere.candidate is not None
    assert everywhere.candidate.auc.value > 0.9
    groups = {metric.group for metric in outcome.candidate.metrics}
    assert groups == {*found, AMONG_ABNORMAL}
    assert outcome.plan.digest in outcome.candidate.data


def _check_versions(card: ModelCard, champion: ModelCard, tmp_path: Path) -> None:
    """A new version has a new Device UID, is promoted by a person, and can be taken back."""
    config = tmp_path / "config"
    config.mkdir()
    (config / "models.toml").write_text(f'[active]\n{champion.name} = "2.0.0"\n')
    cards = ModelCards(config, tmp_path / "models")
    assert cards.identity(champion.name) == champion.identity
    assert device_uid(card.identity) != device_uid(champion.identity)
    cards.promote(champion.name, card.version, by="admin", at=AT)
    assert cards.identity(champion.name) == card.identity
    cards.rollback(champion.name, by="admin", at=AT)
    assert cards.identity(champion.name) == champion.identity


def test_a_stopped_run_goes_on_with_the_cases_it_began_with(
    shop: Workshop, champion: ModelCard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = Tuning(epochs=1, learning_rate=1e-3, batch_size=8, head_only=True)

    def stop(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(running, "make_candidate", stop)
        with pytest.raises(KeyboardInterrupt):
            run(shop, order(champion, tuning=short))
    begun = read_plan(shop.folder / champion.name / UNFINISHED)
    assert begun is not None
    # More is validated meanwhile: the run that goes on does not know it.
    file_cases(shop.warehouse, tmp_path / "warehouse", 20, first=300)
    outcome = run(shop, order(champion, tuning=short))
    assert outcome.plan == begun
    before, after = (read_weights(card.weights_path) for card in (champion, outcome.candidate))
    moved = {path.split("/")[0] for path in before if not np.array_equal(before[path], after[path])}
    assert moved == {"head"}
    with pytest.raises(NothingNewError, match="nothing was trained"):
        run(shop, order(champion, min_new=100))
    taken = frozenset({"2.0.0", outcome.candidate.version})
    with monkeypatch.context() as stopped:
        stopped.setattr(running, "finetune", stop)
        with pytest.raises(KeyboardInterrupt):
            run(shop, order(champion, installed=taken))
    later = read_plan(shop.folder / champion.name / UNFINISHED)
    assert later is not None
    assert later.version == "2.2.0"
    # Later cases of held-out patients do not join the frozen sets, nor are they learned from.
    assert later.held_out == begun.held_out
    assert set(begun.training) < set(later.training)
    patients = {
        shop.warehouse.record(record).patient_key
        for record, _ in (*later.training, *later.validation)
    }
    assert (
        Part.HELD_OUT
        not in shop.held_out.assign(dict.fromkeys(patients, Part.TRAINING), at=AT).values()
    )


def test_a_file_that_is_lost_or_spoiled_is_named(
    shop: Workshop, champion: ModelCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as stopped:
        stopped.setattr(running, "finetune", stop)
        with pytest.raises(KeyboardInterrupt):
            run(shop, order(champion))
    plan = read_plan(shop.folder / champion.name / UNFINISHED)
    assert plan is not None
    record_id, _ = plan.training[0]
    path = shop.path_of(shop.warehouse.record(record_id).images[0].path)
    whole = path.read_bytes()
    path.write_bytes(b"spoiled")
    with pytest.raises(LostImageError, match=record_id):
        run(shop, order(champion))
    path.unlink()
    with pytest.raises(PlanError, match=f"{record_id}.*--fresh"):
        run(shop, order(champion))
    with monkeypatch.context() as stopped:
        stopped.setattr(running, "finetune", stop)
        with pytest.raises(KeyboardInterrupt):
            run(shop, order(champion, fresh=True))
    anew = read_plan(shop.folder / champion.name / UNFINISHED)
    assert anew is not None
    assert record_id not in {record for record, _ in anew.training}
    assert any("file is gone" in note and record_id in note for note in anew.notes)
    path.write_bytes(whole)


def test_only_one_run_at_a_time_and_no_version_twice(shop: Workshop, champion: ModelCard) -> None:
    with (
        running._alone(shop.folder / champion.name, champion.name),
        pytest.raises(ConflictError, match="being fine-tuned already"),
    ):
        run(shop, order(champion))
    with pytest.raises(ConflictError, match="choose another --version"):
        run(shop, order(champion, version="2.0.0"))
    before = sorted(shop.folder.parent.rglob("*"))
    for version in ("../../models", "/", "..", ".", "a/b", "a\0b"):
        with pytest.raises(ModelFolderError, match="is no name"):
            run(shop, order(champion, version=version))
    after = set(shop.folder.parent.rglob("*")) - set(before)
    assert after <= {shop.folder, *shop.folder.rglob("*")}
    assert set(before) <= set(shop.folder.parent.rglob("*"))
