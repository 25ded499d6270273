"""``dicom-node review``: the worklist without a browser, for scripts and trials."""

from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Annotated

import typer
from rich.table import Table

from ai_engine.ct.shares import share_in_words
from dicom_node.audit.events import StudyPart, reopening
from dicom_node.audit.events import verdict as said_verdict
from dicom_node.cli.context import invocation
from dicom_node.cli.listing import AsJson, write_json
from dicom_node.cli.status import show_external, show_remarks
from dicom_node.domain.review.ct import confirmed
from dicom_node.domain.review.first_reading import agreements
from dicom_node.domain.review.queue import EVERYTHING_OPEN, ItemFilter, Page, Sort
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Reviewer,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.errors import ConflictError
from dicom_node.node.clock import utc_now
from dicom_node.node.repositories import Repositories
from dicom_node.web.review.people import reviewer
from sr_templates.percent import percent

commands = typer.Typer(
    help="Results that wait for an expert: look, claim, decide. "
    "A running node makes a verdict known within seconds.",
    no_args_is_help=True,
)

Item = Annotated[str, typer.Argument(help="The item, as `review list` names it.")]
Person = Annotated[
    str, typer.Option("--as", help="Who reviews: a person of `dicom-node users`.", metavar="USER")
]
Labels = list[str]


@commands.command("list")
def list_items(
    context: typer.Context,
    state: Annotated[
        list[ReviewState] | None, typer.Option(help="Only these states; open ones if not given.")
    ] = None,
    sort: Annotated[Sort, typer.Option(help="In which order.")] = Sort.TRIAGE,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1000)] = 20,
    as_json: AsJson = False,
) -> None:
    """List what waits for a reader, and how many items there are in each state."""
    run = invocation(context)
    review_queue = run.repositories(rows_alone=True).review_queue()
    wanted = ItemFilter(states=frozenset(state)) if state else EVERYTHING_OPEN
    found = review_queue.items(wanted, sort, Page(size=limit)).items
    if as_json:
        write_json(found)
        return
    run.console.print(_items(found) if found else "Nothing waits.")
    counts = ", ".join(f"{count} {each.value}" for each, count in review_queue.counts().items())
    if counts:
        run.console.print(f"All in all: {counts}.", highlight=False)


@commands.command("show")
def show(context: typer.Context, item: Item) -> None:
    """Show an item: what the model says, what experts say, and what came from elsewhere."""
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    review_queue = repositories.review_queue()
    run.console.print(_items([review_queue.item(item)]))
    findings, ct = review_queue.findings(item), review_queue.ct(item)
    run.console.print(_findings(findings) if ct is None else _figures(ct))
    show_remarks(run.console, repositories, item)
    for past in review_queue.history(item):
        for reading in past.readings:
            run.console.print(f"Read by {reading.reviewer.user_name}: {_said(reading)}")
        run.console.print(f"Taken back by {past.by} at {past.at:%Y-%m-%d %H:%M}: {past.reason}")
    for reading in review_queue.readings(item):
        run.console.print(f"Read by {reading.reviewer.user_name}: {_said(reading)}")
    show_external(run.console, repositories, item)


@commands.command("agreement")
def agreement(
    context: typer.Context,
    most: Annotated[int, typer.Option(help="Of how many decided items, the newest.", min=1)] = 5000,
    as_json: AsJson = False,
) -> None:
    """Count how readers and models agree: alone, after seeing the result, and seeing it at once."""
    run = invocation(context)
    rows = agreements(run.repositories(rows_alone=True).review_queue().judged_labels(most))
    if as_json:
        write_json([asdict(each) for each in rows])
        return
    table = Table(
        "Model", "Label", "Read first", "alone", "after", "to AI", "from AI", "At once", "agreed",
        box=None,
    )  # fmt: skip
    for each in rows:
        table.add_row(*map(str, astuple(each)))
    run.console.print(table if rows else "Nothing has been decided yet.")


@commands.command("claim")
def claim(context: typer.Context, item: Item, person: Person) -> None:
    """Hold an item, so that nobody else reads it meanwhile."""
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    held = repositories.review_queue().claim(item, _reviewer(repositories, person))
    run.console.print(f"Held by {held.holder} until {held.claimed_until:%H:%M:%S} UTC.")


@commands.command("release")
def release(context: typer.Context, item: Item, person: Person) -> None:
    """Give a claimed item back."""
    run = invocation(context)
    repositories = run.repositories(rows_alone=True)
    run.console.print(
        f"{repositories.review_queue().release(item, _reviewer(repositories, person)).state.value}."
    )


@commands.command("reopen")
def reopen(
    context: typer.Context,
    item: Item,
    person: Person,
    why: Annotated[str, typer.Option("--why", help="Why the verdict is taken back.")],
) -> None:
    """Take a verdict back, with a reason; USER holds the item, and its next verdict replaces it."""
    run = invocation(context)
    repositories = run.repositories()
    held = repositories.review_queue().reopen(item, _reviewer(repositories, person), why)
    run.record(
        reopening(
            StudyPart(study=held.study_instance_uid, classes={}),
            user=person,
            address="",
            at=utc_now(),
            item=item,
            why=why,
        )
    )
    run.console.print(f"Taken back. Held by {held.holder} until {held.claimed_until:%H:%M:%S} UTC.")


@commands.command("decide")
def decide(
    context: typer.Context,
    item: Item,
    person: Person,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Everything that is not named is as the model says.")
    ] = False,
    reject: Annotated[Labels | None, typer.Option(help="Not there, on any image.")] = None,
    unsure: Annotated[Labels | None, typer.Option(help="Cannot be told.")] = None,
    add: Annotated[Labels | None, typer.Option(help="There, though the model denies it.")] = None,
    reject_result: Annotated[
        bool, typer.Option("--reject-result", help="Nothing of the result may be used.")
    ] = False,
    comment: Annotated[str, typer.Option(help="What else is to be said.")] = "",
) -> None:
    """Decide an item; it is claimed first where it is not held. LABELs hold for all images."""
    run = invocation(context)
    repositories = run.repositories()
    who = _reviewer(repositories, person)
    review_queue = repositories.review_queue()
    named = {
        **dict.fromkeys(reject or [], Judgement.REJECTED),
        **dict.fromkeys(unsure or [], Judgement.UNSURE),
        **dict.fromkeys(add or [], Judgement.ADDED),
    }
    findings, ct = review_queue.findings(item), review_queue.ct(item)
    if ct is not None and not reject_result and (named or not confirm):
        raise ConflictError(
            f"Item {item} is a CT: --confirm or --reject-result; figures are corrected on the page."
        )
    unknown = sorted(named.keys() - {each.label for each in findings})
    if unknown:
        raise ConflictError(
            f"Item {item}: the model has no label {', '.join(unknown)}; `review show` lists them."
        )
    verdict = Verdict(
        item_id=item,
        reviewer=who,
        findings=() if reject_result else _judged(findings, named, confirm=confirm),
        ct=confirmed(ct) if ct is not None and not reject_result else None,
        rejected=reject_result,
        comment=comment,
    )
    held = review_queue.claim(item, who)
    outcome = review_queue.decide(verdict)
    run.record(
        said_verdict(
            StudyPart(study=held.study_instance_uid, classes={}),
            user=who.user_name,
            address="",
            at=utc_now(),
            item=item,
        )
    )
    run.console.print(_outcome(outcome))


def _judged(
    findings: Sequence[FindingUnderReview], named: dict[str, Judgement], *, confirm: bool
) -> tuple[FindingVerdict, ...]:
    judged = []
    for each in findings:
        judgement = named.get(each.label)
        if judgement is Judgement.REJECTED and not each.is_positive:
            judgement = None
        if judgement is Judgement.ADDED and each.is_positive:
            judgement = Judgement.CONFIRMED
        if judgement is None and confirm:
            judgement = Judgement.CONFIRMED
        if judgement is not None:
            judged.append(
                FindingVerdict(
                    image_uid=each.image_uid,
                    frame_number=each.frame_number,
                    label=each.label,
                    judgement=judgement,
                )
            )
    return tuple(judged)


def _reviewer(repositories: Repositories, name: str) -> Reviewer:
    user = repositories.users.get(name)
    if user.disabled or not user.may_review:
        raise ConflictError(f"User {name} may not review: give the role expert or reader.")
    return reviewer(user)


def _outcome(item: ReviewItem) -> str:
    return {
        ReviewState.DECIDED: "Decided.",
        ReviewState.WAITING: "Recorded; a second reader is wanted.",
        ReviewState.ADJUDICATING: "Recorded; the readers differ, and a third one must decide.",
    }.get(item.state, item.state.value)


def _items(items: Sequence[ReviewItem]) -> Table:
    table = Table(box=None)
    table.add_column("Item", no_wrap=True)  # whole and in one line, so that it can be copied
    for heading in ("State", "Priority", "Not normal", "Leading finding", "Uncertainty", "Device"):
        table.add_column(heading)
    table.add_column("Received")
    now = utc_now()
    for each in items:
        held = f" by {each.holder}" if each.is_held(now) else ""
        table.add_row(
            each.item_id,
            each.state_at(now).value + held,
            each.priority.name.lower(),
            "" if each.abnormality is None else percent(each.abnormality),
            each.leading_label or "none",
            f"{each.uncertainty:.2f}",
            each.device.device_id,
            f"{each.received_at:%Y-%m-%d %H:%M}",
        )
    return table


def _findings(findings: Sequence[FindingUnderReview]) -> Table:
    table = Table("Label", "Probability", "Threshold", "Verdict", "Image", box=None)
    for each in findings:
        table.add_row(
            each.label,
            percent(each.probability, beside=each.threshold),
            percent(each.threshold, beside=each.probability),
            "positive" if each.is_positive else "negative",
            each.image_uid,
        )
    return table


def _figures(ct: CtUnderReview) -> Table:
    table = Table("Where", "Share", "Grade", "Volume", box=None)
    for each in (*ct.lungs, ct.both):
        share = "none" if each.percentage is None else share_in_words(each.percentage)
        table.add_row(each.side, share, str(each.grade or "none"), f"{each.volume_ml:.0f} ml")
    for one in ct.patterns:
        table.add_row(one.pattern, share_in_words(one.percentage), "", f"{one.volume_ml:.0f} ml")
    return table


def _said(reading: Verdict) -> str:
    if reading.rejected:
        return "result rejected"
    if reading.ct is not None:
        lungs = [f"{each.side} {each.judgement.value}" for each in reading.ct.lungs]
        patterns = [f"{each.pattern} {each.judgement.value}" for each in reading.ct.patterns]
        return ", ".join((*lungs, *patterns))
    return (
        ", ".join(f"{each.label} {each.judgement.value}" for each in reading.findings) or "normal"
    )
