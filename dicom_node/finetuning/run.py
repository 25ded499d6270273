"""One fine-tuning from the Warehouse to an installed candidate.

    records → Collected → Split → Plan → weights → candidate → Comparison → installed version

What is decided stands in the plan before training starts; training goes on from its checkpoint;
everything after it gives the same again. So a run may be stopped anywhere and started again.
"""

import fcntl
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from ai_engine.commands.comparison.measuring import measure
from ai_engine.commands.comparison.plot import draw_comparison
from ai_engine.commands.comparison.report import PLOT_NAME, Comparison, write_report
from ai_engine.commands.finetune import Tuning, finetune, tuning_recipe
from ai_engine.importing.folder import install_model
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.classifier.validated import Reader
from ai_engine.library.card import ModelCard
from ai_engine.library.names import made_model_folder, model_folder
from dicom_node.domain.held_out import HeldOut
from dicom_node.domain.warehouse import Warehouse, WarehouseFilter
from dicom_node.errors import ConflictError, NodeError
from dicom_node.finetuning.candidate import (
    make_candidate,
    next_version,
    with_figures,
    with_thresholds,
)
from dicom_node.finetuning.cases import Collected, FiledCase, collect, reader
from dicom_node.finetuning.plan import PLAN_NAME, Plan, planned, read_plan
from dicom_node.finetuning.split import SplitRules, require_apart, split

_LOG = logging.getLogger(__name__)
UNFINISHED = "unfinished.json"


class NothingNewError(NodeError):
    """Too little was validated since the last candidate to train another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """What a fine-tuning works with.

    ``path_of`` says where a filed image lies; ``folder`` is for what is unfinished, ``models`` for
    what is installed; ``scorer`` loads a model as it is served.
    """

    warehouse: Warehouse
    held_out: HeldOut
    path_of: Callable[[str], Path]
    folder: Path
    models: Path
    scorer: Callable[[ModelCard], Scorer]
    clock: Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked for: the champion to start from, how, by whom.

    ``installed`` holds the versions that are taken. ``version`` is the candidate's; empty takes
    the next minor one. With ``fresh`` an unfinished run is thrown away, else it goes on. A new run
    starts only if ``min_new`` cases were not learned from by the newest one before.
    """

    champion: ModelCard
    installed: frozenset[str]
    tuning: Tuning
    rules: SplitRules
    by: str
    version: str = ""
    fresh: bool = False
    min_new: int = 0
    threads: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The candidate as it was installed, and how it compares."""

    candidate: ModelCard
    comparison: Comparison
    plan: Plan


def run(shop: Workshop, order: Order, console: Console | None = None) -> Outcome:
    """Train a candidate, compare it with the champion, and install it; nothing is promoted.

    Raises
    ------
    ConflictError
        If another fine-tuning of the model is running.
    NodeError, AiEngineError
        If there is too little to learn from, a file is gone, or the model cannot be trained.
    """
    recipe = tuning_recipe(order.champion, order.tuning)
    place = shop.folder / order.champion.name
    with _alone(place, order.champion.name):
        collected = collect(
            shop.warehouse.records(WarehouseFilter(model_name=order.champion.name)),
            labels=recipe.labels,
            path_of=shop.path_of,
        )
        plan = _plan(shop, order, collected, place)
        cases = _planned(plan, collected)
        tensors = finetune(
            order.champion,
            tuning_recipe(order.champion, plan.tuning),
            cases=[each.case for each in cases.training],
            valid=[each.case for each in cases.validation],
            read=cases.reader(shop.path_of),
            folder=place / plan.version,
            head_only=plan.tuning.head_only,
            threads=order.threads,
            console=console,
        )
        draft = make_candidate(
            order.champion,
            plan,
            tensors,
            out=place / plan.version,
            patients=len({each.case.patient for each in cases.training}),
        )
        candidate, comparison = _compared(shop, order, (plan, cases), draft, console)
        installed = _installed(shop, candidate, comparison)
        # The plan has done its work: without it the next run starts a new one.
        (place / UNFINISHED).unlink()
        return Outcome(candidate=installed, comparison=comparison, plan=plan)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cases:
    training: tuple[FiledCase, ...]
    validation: tuple[FiledCase, ...]
    held_out: tuple[FiledCase, ...]

    def reader(self, path_of: Callable[[str], Path]) -> Reader:
        return reader(path_of, [*self.training, *self.validation, *self.held_out])


def _plan(shop: Workshop, order: Order, collected: Collected, place: Path) -> Plan:
    """The plan of the run that is unfinished, or a new one."""
    unfinished = None if order.fresh else read_plan(place / UNFINISHED)
    if unfinished is not None and unfinished.champion_digest == order.champion.weights_digest:
        _LOG.info("fine-tuning goes on model=%s to=%s", unfinished.model, unfinished.version)
        return unfinished
    divided = split(
        collected,
        model=order.champion.name,
        held_out=shop.held_out,
        rules=order.rules,
        at=shop.clock(),
    )
    _require_new(divided.training, order, place)
    version = order.version or next_version(order.champion.version, order.installed)
    run_folder = model_folder(shop.folder, order.champion.name, version)
    if version in order.installed:
        raise ConflictError(
            f"{order.champion.name}/{version} is installed: results must stay traceable, so "
            "choose another --version."
        )
    plan = Plan(
        model=order.champion.name,
        champion=order.champion.version,
        champion_digest=order.champion.weights_digest,
        version=version,
        tuning=order.tuning,
        training=tuple(each.key for each in divided.training),
        validation=tuple(each.key for each in divided.validation),
        held_out=tuple(each.key for each in divided.held_out),
        notes=divided.notes,
        made_at=shop.clock(),
        made_by=order.by,
    )
    shutil.rmtree(run_folder, ignore_errors=True)
    plan.write(run_folder / PLAN_NAME)
    plan.write(place / UNFINISHED)
    return plan


def _require_new(cases: Sequence[FiledCase], order: Order, place: Path) -> None:
    plans = [read_plan(path) for path in place.glob(f"*/{PLAN_NAME}")]
    newest = max((plan for plan in plans if plan), key=lambda plan: plan.made_at, default=None)
    known = frozenset(newest.training) if newest else frozenset()
    new = sum(each.key not in known for each in cases)
    if new < order.min_new:
        raise NothingNewError(
            f"{order.champion.name}: {new} cases are new since the last candidate, "
            f"{order.min_new} are wanted; nothing was trained."
        )


def _planned(plan: Plan, collected: Collected) -> _Cases:
    cases = _Cases(
        training=planned(collected.cases, plan.training),
        validation=planned(collected.cases, plan.validation),
        held_out=planned(collected.cases, plan.held_out),
    )
    require_apart([*cases.training, *cases.validation], cases.held_out)
    _LOG.info(
        "fine-tuning model=%s from=%s to=%s training=%d validation=%d held_out=%d",
        plan.model,
        plan.champion,
        plan.version,
        len(cases.training),
        len(cases.validation),
        len(cases.held_out),
    )
    return cases


def _compared(
    shop: Workshop,
    order: Order,
    what: tuple[Plan, _Cases],
    draft: ModelCard,
    console: Console | None,
) -> tuple[ModelCard, Comparison]:
    """Choose the candidate's thresholds, then compare it on the frozen sets."""
    plan, cases = what
    read = cases.reader(shop.path_of)
    champion, scorer = shop.scorer(order.champion), shop.scorer(draft)
    validation = [each.case for each in cases.validation]
    candidate, notes = with_thresholds(
        scorer, champion, validation, read=read, made_at=plan.made_at
    )
    comparison = measure(
        champion=champion,
        candidate=Scorer(candidate, scorer.backend),
        cases=[each.case for each in cases.held_out],
        read=read,
        minimum=order.rules.held_out,
        titles={name: each.title for name, each in shop.warehouse.devices().items()},
        notes=(*plan.notes, *notes),
        made_at=shop.clock(),
        console=console,
    )
    return with_figures(candidate, comparison), comparison


def _installed(shop: Workshop, candidate: ModelCard, comparison: Comparison) -> ModelCard:
    """Put the report beside the candidate, then the card: without one it is no model yet."""
    place = made_model_folder(shop.models, candidate.name, candidate.version)
    write_report(comparison, place)
    draw_comparison(comparison, place / PLOT_NAME)
    installed = install_model(candidate.folder, shop.models)
    _LOG.info("candidate installed model=%s verdict=%r", installed.identity.key, comparison.verdict)
    return installed


@contextmanager
def _alone(place: Path, model: str) -> Iterator[None]:
    """Let one fine-tuning of a model run at a time; a killed one leaves nothing locked."""
    place.mkdir(parents=True, exist_ok=True)
    with (place / "running.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                f"{model} is being fine-tuned already: wait until that run has ended."
            ) from error
        yield
