"""``dicom-node doctor`` and ``dicom-node migrate``: is everything as it must be?"""

import functools
import shutil
from collections.abc import Callable, Sequence
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.progress import Progress

from dicom_node.cli.context import Invocation, invocation
from dicom_node.cli.counting import counted
from dicom_node.cli.status import CONFLICT_ADVICE
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.host import Role
from dicom_node.errors import NodeError
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import echo as send_echo
from dicom_node.node.disks import disk_problems
from dicom_node.node.health import standing_problems
from dicom_node.node.peers import address_of, looking_timeouts
from dicom_node.node.routing import make_routes
from dicom_node.persistence.database import (
    MIGRATIONS,
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
    schema_revision,
)


class NotHealthyError(NodeError):
    """A check of the doctor failed."""


def doctor(
    context: typer.Context,
    rebuild_index: Annotated[
        bool,
        typer.Option(help="Read the index of instances back from the files (stop the node first)."),
    ] = False,
) -> None:
    """Check configuration, disk, database, models and destinations; say what to do."""
    run = invocation(context)
    if rebuild_index:
        _rebuild(run)
        return
    checks: tuple[tuple[str, Callable[[], str]], ...] = (
        ("routes and models", lambda: _check_routes(run)),
        ("disk", lambda: _check_disk(run)),
        ("database", lambda: _check_database(run)),
        ("this node", lambda: _check_node(run)),
        ("studies, deliveries and certificate", lambda: _check_standing(run)),
    )
    failed = [name for name, check in checks if not _report(run.console, name, check)]
    _report_conflicts(run)
    entities = run.repositories().ae_titles.all()
    if not _report(run.console, "who gets results", lambda: _check_destinations(entities)):
        failed.append("who gets results")
    for entity in entities:
        if "pacs" in entity.roles:
            name = f"destination {entity.title}"
            if not _report(run.console, name, functools.partial(_echo_entity, run, entity)):
                failed.append(name)
    if run.settings().openid.issuer:
        name = f"sign-in at {run.settings().openid.issuer}"
        if not _report(run.console, name, lambda: _check_openid(run)):
            failed.append(name)
    if failed:
        raise NotHealthyError(f"{len(failed)} checks failed: {', '.join(failed)}")


def _check_destinations(entities: Sequence[ApplicationEntity]) -> str:
    known = {each.title for each in entities}
    for entity in entities:
        if unknown := entity.unknown_destinations(known):
            raise NotHealthyError(
                f"{entity.title} names {', '.join(unknown)}, which nobody administers: "
                f"`dicom-node ae add {unknown[0]} …`, or `dicom-node ae set {entity.title} …`"
            )
    return "every destination is administered"


def migrate_schema(context: typer.Context) -> None:
    """Bring the schemas of Hotbase and Warehouse up to date (serve does this by itself).

    Then read from the archive what queries ask for, where an earlier version did not keep it.
    """
    run = invocation(context)
    settings = run.settings()
    for name, url, migrations in (
        ("Hotbase", settings.hotbase_url, MIGRATIONS),
        ("Warehouse", settings.warehouse_url, WAREHOUSE_MIGRATIONS),
    ):
        engine = make_engine(url)
        run.resources.callback(engine.dispose)
        before, newest = schema_revision(engine, migrations)
        migrate(engine, migrations)
        run.console.print(f"{name}: schema {before or 'empty'} → {newest}.", highlight=False)
    _describe(run)


def _describe(run: Invocation) -> None:
    """Read what queries ask for from the files of what an earlier version indexed.

    It may be interrupted, and goes on where it was; a node that runs does the same.
    """
    describing = run.repositories().describing
    if not (pending := describing.pending()):
        return
    with Progress(console=run.console) as bar:
        task = bar.add_task("Reading attributes for queries", total=pending)
        count = describing.run(lambda rows: bar.update(task, advance=rows))
    run.console.print(f"Attributes for queries: {counted(count, 'object')} read.", highlight=False)


def _report(console: Console, name: str, check: Callable[[], str]) -> bool:
    try:
        said = check()
    except (NodeError, OSError, sa.exc.SQLAlchemyError) as error:
        console.print(f"[red]✗[/] {name}: {error}", highlight=False, soft_wrap=True)
        return False
    console.print(f"[green]✓[/] {name}: {said}", highlight=False, soft_wrap=True)
    return True


def _report_conflicts(run: Invocation) -> None:
    """Name what is kept and not analysed; only its sender can do something about it."""
    conflicts = run.repositories().conflicts
    if not (count := conflicts.count()):
        return
    studies = dict.fromkeys(each.study_instance_uid for each in conflicts.newest())
    run.console.print(
        f"[yellow]![/] received objects: {count} came under a SOP Instance UID of which other "
        f"content had come before, and are not analysed. {CONFLICT_ADVICE} "
        f"dicom-node status STUDY-UID shows them; the last are of {', '.join(studies)}",
        highlight=False,
        soft_wrap=True,
    )


def _check_routes(run: Invocation) -> str:
    from dicom_node.models.services import require_answering  # noqa: PLC0415 - where it is checked

    cards = run.model_cards()
    routes = make_routes(run.repositories(), run.config_dir, cards).in_use()
    for name in sorted({route.model for route in routes}):
        require_answering(cards.active(name), run.settings())
    return ", ".join(f"{route.name} → {cards.verified(route.model).key}" for route in routes)


def _check_disk(run: Invocation) -> str:
    settings = run.settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if found := tuple(disk_problems(settings)):
        raise NotHealthyError("\n  ".join(map(str, found)))
    free = shutil.disk_usage(settings.data_dir).free
    return f"{free / 1e9:.1f} GB free in {settings.data_dir}"


def _check_standing(run: Invocation) -> str:
    """Say what else the health of a running node would say: the same checks."""
    found = [
        each
        for each in standing_problems(run.settings(), run.repositories())
        if each.kind not in ("disk", "destination down")  # said by checks of their own
    ]
    if found:
        raise NotHealthyError("\n  ".join(map(str, found)))
    return "nothing failed, stuck or given up"


def _check_database(run: Invocation) -> str:
    repositories = run.repositories()
    current, _ = schema_revision(repositories.engine)
    counts = repositories.index.counts()
    return f"schema {current}, {counted(sum(counts.values()), 'study', 'studies')}"


def _check_openid(run: Invocation) -> str:
    """Ask the provider for its document, as the first sign-in would."""
    from dicom_node.node.single_sign_on import make_provider  # noqa: PLC0415 - few nodes have one

    make_provider(run.settings().openid).begin("")
    return "the provider answers, and is the issuer of the settings"


def _check_node(run: Invocation) -> str:
    """Call the node, where this host receives: which of several roles it has, it says itself."""
    hosts, network = run.settings().hosts, run.settings().network
    signs = {each.sign.name: each.sign.role for each in run.repositories().hosts.all()}
    role = signs.get(hosts.shown_name, Role(hosts.role))
    if not role.receives:
        return f"{hosts.shown_name} is a {role}, and receives nothing"
    peer = Destination(ae_title=network.ae_title, host="127.0.0.1", port=network.port)
    return f"{network.ae_title} on port {network.port} {_echo(run, peer)}"


def _echo_entity(run: Invocation, entity: ApplicationEntity) -> str:
    return _echo(run, address_of(run.settings(), entity))


def _echo(run: Invocation, peer: Destination) -> str:
    settings = run.settings()
    seconds = send_echo(
        peer, calling_ae=settings.network.ae_title, timeouts=looking_timeouts(settings)
    )
    return f"answered in {seconds * 1000:.0f} ms"


def _rebuild(run: Invocation) -> None:
    # Reads objects, which no check does.
    from dicom_node.archive.reading import iter_objects  # noqa: PLC0415
    from dicom_node.workflow.analysis.receive import batched  # noqa: PLC0415

    repositories = run.repositories()
    repositories.index.clear()
    count = 0
    for batch in batched(iter_objects(repositories.received), 500):
        repositories.index.record(batch)
        count += len(batch)
    repositories.describing.run()  # what the node made of them
    run.console.print(f"{counted(count, 'object')} read back into the index.")
