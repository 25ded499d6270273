"""``dicom-node models finetune``: a candidate from what experts have validated."""

import functools
import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from ai_engine.errors import AiEngineError
from ai_engine.kinds.shipped import CHEST_MODEL
from dicom_node.cli.context import Invocation, invocation
from dicom_node.models.cards import ModelUnavailableError
from dicom_node.node.clock import utc_now

if TYPE_CHECKING:
    from dicom_node.finetuning.run import Workshop

commands = typer.Typer()

_POLITENESS = 10
"""How far a fine-tuning stands back behind a node on the same machine (nice)."""


@commands.command("finetune")
def finetune(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="The model; training starts from its active version.")
    ] = CHEST_MODEL,
    device: Annotated[
        list[str] | None,
        typer.Option(help="Learn from this device's cases only; may be given several times."),
    ] = None,
    alone: Annotated[
        bool,
        typer.Option("--alone", help="With --device: rehearse no cases of other devices."),
    ] = False,
    head_only: Annotated[
        bool, typer.Option("--head-only", help="Learn the head alone; all else stays as it is.")
    ] = False,
    version: Annotated[str, typer.Option(help="The candidate's; without it, the next minor.")] = "",
    epochs: Annotated[int, typer.Option(help="Without it, the setting.")] = 0,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 1,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start anew where a run was left unfinished.")
    ] = False,
    if_new: Annotated[
        int, typer.Option(help="Do nothing unless so many cases are new since the last candidate.")
    ] = 0,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all without it.")] = None,
    by: Annotated[str, typer.Option(help="Who does it; without it, who is logged in.")] = "",
) -> None:
    """Train a candidate on validated cases, compare it with the active version, and install it.

    Learns from the Warehouse, patient by patient: a part of the patients is held out for good,
    and both versions are compared on those, device by device. The candidate is installed beside
    the active version and changes nothing until it is promoted. A run that was stopped goes on
    where it was.
    """
    # Only this command pays for what training and its pictures need.
    from ai_engine.calibration.cases import Minimum  # noqa: PLC0415
    from ai_engine.commands.comparison.report import as_table  # noqa: PLC0415
    from ai_engine.commands.finetune import Tuning  # noqa: PLC0415
    from dicom_node.finetuning.run import NothingNewError, Order, run  # noqa: PLC0415
    from dicom_node.finetuning.split import SplitRules  # noqa: PLC0415

    invoked = invocation(context)
    os.nice(_POLITENESS)
    champion = invoked.model_cards().active(name)
    settings = invoked.settings().finetuning
    order = Order(
        champion=champion,
        installed=_installed(invoked, name),
        tuning=Tuning(
            epochs=epochs or settings.epochs,
            learning_rate=settings.learning_rate,
            seed=seed,
            head_only=head_only,
        ),
        rules=SplitRules(
            held_out_share=settings.held_out_share,
            validation_share=settings.validation_share,
            training=Minimum(positives=settings.min_positives, negatives=settings.min_negatives),
            held_out=Minimum(positives=settings.min_held_out, negatives=settings.min_held_out),
            most=settings.max_cases,
            only=frozenset(device or ()),
            rehearse=not alone,
        ),
        by=by or getpass.getuser(),
        version=version,
        fresh=fresh,
        min_new=if_new,
        threads=threads,
    )
    try:
        outcome = run(_workshop(invoked), order, invoked.console)
    except NothingNewError as nothing:
        invoked.console.print(str(nothing), highlight=False)
        return
    except AiEngineError as error:
        raise ModelUnavailableError(str(error)) from error
    card, comparison = outcome.candidate, outcome.comparison
    invoked.console.print(as_table(comparison))
    for note in comparison.notes:
        invoked.console.print(note, highlight=False)
    invoked.console.print(
        f"{comparison.verdict}\n"
        f"Installed {card.identity.key}; the report is in {card.folder}.\n"
        f"On live studies, unseen: dicom-node models shadow {card.name} {card.version}\n"
        + (
            f"To use it: dicom-node models promote {card.name} {card.version}"
            if comparison.may_be_promoted
            else "It is not promoted, unless somebody says why: models promote --anyway REASON"
        ),
        highlight=False,
        soft_wrap=True,
    )


def _workshop(invoked: Invocation) -> "Workshop":
    from ai_engine.kinds.classifier.scorer import Scorer  # noqa: PLC0415 - as above
    from dicom_node.finetuning.run import Workshop  # noqa: PLC0415 - the same

    settings, repositories = invoked.settings(), invoked.repositories()
    return Workshop(
        warehouse=repositories.warehouse,
        held_out=repositories.held_out,
        path_of=repositories.warehouse_files.path,
        folder=settings.finetuning_dir,
        models=settings.models_dir,
        scorer=functools.partial(Scorer.load, cache=settings.cache_dir),
        clock=utc_now,
    )


def _installed(invoked: Invocation, name: str) -> frozenset[str]:
    cards = invoked.model_cards().registry.cards()
    return frozenset(card.version for card in cards if card.name == name)
